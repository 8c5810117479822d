"""
Mail that comes back: bounces, complaints, automatic answers, and people who write.

Reads mailboxes and the mails in them; what follows for a reader is `digest.readership`'s.
"""

from digest.bounces.reading import read
from digest.bounces.refusals import Refusal
from digest.bounces.returned import Kind, Returned

__all__ = ["Kind", "Refusal", "Returned", "read"]
