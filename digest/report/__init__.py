"""The proof of an issue: what was sent to whom, when, and what did not get through."""

from digest.report.chart import chart
from digest.report.figures import Domain, Hour, Missed, Report, facts, of, who_missed
from digest.report.putting_away import put_away
from digest.report.table import write_csv

__all__ = [
    "Domain",
    "Hour",
    "Missed",
    "Report",
    "chart",
    "facts",
    "of",
    "put_away",
    "who_missed",
    "write_csv",
]
