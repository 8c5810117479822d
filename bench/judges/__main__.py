"""
Third-party programs judge the sample's mail, readers' pages and both APIs, in one table.

Exit 1 where one is not content.

    python -m bench.judges               what is missing is installed first
    python -m bench.judges --baseline    accept what caniemail finds today
"""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from pathlib import Path

from bench.judges import programs, sample, tools
from bench.judges.programs import Said


def main() -> int:
    for sentence in tools.ready():
        print(sentence)
    with tempfile.TemporaryDirectory(prefix="recap-judges-") as folder:
        mails = sample.written(Path(folder))
        if "--baseline" in sys.argv:
            found = json.dumps(programs.unsupported(mails), indent=1, ensure_ascii=False)
            programs.BASELINE.write_text(found + "\n")
        table = [said for judge in programs.ALL for said in heard(judge, mails)]
    tell(table)
    return int(not all(said.passed for said in table))


def heard(judge, mails: sample.Mails) -> list[Said]:
    """Return what a judge says; one that cannot be asked has not passed the mail."""
    try:
        return list(judge(mails))
    except Exception:  # noqa: BLE001 - whatever it is, the others are still to be heard
        *_, why = traceback.format_exc().strip().splitlines()
        return [Said(judge.__name__, "", "could not be asked", "an answer", False, (why,))]


def tell(table: list[Said]) -> None:
    rows = [("judge", "of", "figure", "target", "")]
    rows += [
        (said.judge, said.what, said.figure, said.target, "pass" if said.passed else "MISS")
        for said in table
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    for said in table:
        if not said.passed:
            print(f"\n{said.judge}, {said.what}:", *said.details[:20], sep="\n  ")


if __name__ == "__main__":
    sys.exit(main())
