"""
Asking the web for something, within bounds: guarded addresses, limited size and time.

Every hop is resolved once, every address it resolves to is judged, and the connection
goes to an address that was judged: a name that changes its mind in between (DNS
rebinding) gains nothing. Proxies of the environment are not used, for the same reason.
"""

from digest.http.fetching import (
    AGENT,
    Answer,
    Bounds,
    Lookup,
    fetch,
    looked_up,
    shown,
    why_refused,
)
from digest.http.posting import ask, post
from digest.http.reaching import Reached, reach
from digest.http.telling import time_told

__all__ = [
    "AGENT",
    "Answer",
    "Bounds",
    "Lookup",
    "Reached",
    "ask",
    "fetch",
    "looked_up",
    "post",
    "reach",
    "shown",
    "time_told",
    "why_refused",
]
