"""When mail that comes back again and again ends a subscription."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

#: A bounce can be this long on its way: until then a mail that left has not arrived.
UNDECIDED = timedelta(days=3)


def is_worn_out(
    tries: Iterable[tuple[datetime, bool]], *, times: int, over: timedelta, now: datetime
) -> bool:
    """
    Tell whether the last *times* tries all came back, over a stretch of *over* or more.

    *tries* are (when, whether it came back), newest first. One that did not come back ends
    the row, unless it is so young that it still may.
    """
    row: list[datetime] = []
    for at, came_back in tries:
        if came_back:
            row.append(at)
        elif now - at >= UNDECIDED:
            break
    return len(row) >= times and row[0] - row[-1] >= over
