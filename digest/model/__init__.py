"""The words of the product as values: frozen, typed, without I/O or clock.

Every instant is timezone-aware and in UTC; local time exists only where a docstring
says so.
"""

from digest.model.delivery import (
    Delivery,
    DeliveryState,
    Recipient,
    SkipReason,
    Tally,
)
from digest.model.edition import Edition, Format, Variant
from digest.model.issue import CORRECTION, EXTRA, OPEN, Issue, IssueId, IssueState, Rhythm, Window
from digest.model.publication import Entry, Image, Parsed, Publication, Refusal, Wording
from digest.model.readers import Subscriber, Subscription, SubscriptionState, topic_set
from digest.model.recap import (
    Block,
    Candidate,
    Draft,
    Edits,
    Evidence,
    Item,
    Recap,
    Section,
    Theme,
)

__all__ = [
    "CORRECTION",
    "EXTRA",
    "OPEN",
    "Block",
    "Candidate",
    "Delivery",
    "DeliveryState",
    "Draft",
    "Edition",
    "Edits",
    "Entry",
    "Evidence",
    "Format",
    "Image",
    "Issue",
    "IssueId",
    "IssueState",
    "Item",
    "Parsed",
    "Publication",
    "Recap",
    "Recipient",
    "Refusal",
    "Rhythm",
    "Section",
    "SkipReason",
    "Subscriber",
    "Subscription",
    "SubscriptionState",
    "Tally",
    "Theme",
    "Variant",
    "Window",
    "Wording",
    "topic_set",
]
