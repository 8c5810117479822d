"""
What a mail server's answer means, and what a bounce that comes later by mail means.

An answer is judged by where it came (`Phase`), its code (RFC 5321 §4.2.1), its enhanced
code (RFC 3463, registry of RFC 5248) and, only where a server gives no enhanced code, by
its words (RFC 2034: the text is for people when there is a code for programs). A bounce
was written by another server than the one that refused, often with a code of its own
making; there the words of the refusal go before the code.

Both are tables whose first fitting row decides; docs/reference/verdicts.md is made of them.
"""

from digest.verdict.answers import FINAL, PASSING, is_final, verdict
from digest.verdict.bounces import BOUNCED, Bounce, bounced
from digest.verdict.patience import Patience
from digest.verdict.rules import Phase, Rule, Verdict

__all__ = [
    "BOUNCED",
    "FINAL",
    "PASSING",
    "Bounce",
    "Patience",
    "Phase",
    "Rule",
    "Verdict",
    "bounced",
    "is_final",
    "verdict",
]
