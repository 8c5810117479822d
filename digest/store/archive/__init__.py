"""The public archive: what went out, what was published, by topic and by words."""

from digest.store.archive.finding import Filed, Listed, View, found, on_topic, topic_name
from digest.store.archive.keeping import PUBLICATION_COLUMNS, keep_issue, keep_publication
from digest.store.archive.sent import (
    Said,
    Sent,
    Topic,
    contents,
    corrections,
    picture,
    sent,
    sent_issue,
    spans,
    topics,
)
from digest.store.archive.words import sought

__all__ = [
    "PUBLICATION_COLUMNS",
    "Filed",
    "Listed",
    "Said",
    "Sent",
    "Topic",
    "View",
    "contents",
    "corrections",
    "found",
    "keep_issue",
    "keep_publication",
    "on_topic",
    "picture",
    "sent",
    "sent_issue",
    "sought",
    "spans",
    "topic_name",
    "topics",
]
