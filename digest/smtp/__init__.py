"""
Talking to the mail server: connecting safely, one mail transaction, keeping to its limits.

Connection set-up (TCP, TLS, AUTH) is aiosmtplib's. The mail transactions run on the
transport itself, because aiosmtplib searches every message for line ends and dots once
more, and ours leave `digest.render.fragments` with that done.
"""

from digest.smtp.pace import Pace, Rate, rates
from digest.smtp.session import Envelope, Session, connect
from digest.smtp.transaction import Dropped, Outcome, Reply, Stale

__all__ = [
    "Dropped",
    "Envelope",
    "Outcome",
    "Pace",
    "Rate",
    "Reply",
    "Session",
    "Stale",
    "connect",
    "rates",
]
