"""What a server's answer, or its silence, does to a reader's row and to the run."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from digest.delivery.recorder import Recorder
from digest.delivery.supply import Flight, Job
from digest.errors import SenderFault, Unreachable
from digest.model import Delivery, DeliveryState
from digest.smtp import Dropped, Pace, Reply
from digest.store import ledger
from digest.store.ledger import Result
from digest.verdict import Patience, Phase, Verdict, is_final, verdict

#: So many refusals in a row that are about the sender, none accepted: the run ends.
STRIKES = 20

#: After an attempt that broke before the server can have taken the message.
SOON = timedelta(minutes=1)


class Judge:
    """Gives every message that was offered its result; raises what ends the run."""

    def __init__(self, job: Job, recorder: Recorder, pace: Pace) -> None:
        self._job = job
        self._recorder = recorder
        self._pace = pace
        self._patience = Patience.of(job.smtp.retries)
        self._strikes = 0

    def answered(self, flight: Flight, reply: Reply) -> Coroutine[Any, Any, None] | None:
        """
        Write down what *reply* means for the flight; Unreachable if the server puts off all.

        Where the fault is ours the ledger must be asked first: then the rest of the work
        is returned, to be awaited; it raises SenderFault where a person must look.
        """
        found, row = verdict(*reply), flight.row
        self._pace.answered(flight.domain, found)
        if found is Verdict.ACCEPTED:
            self._strikes = 0
            self._tell(row, DeliveryState.SENT, str(reply))
        elif found is Verdict.OURS:
            return self._blame_us(row, reply)
        elif is_final(found, reply.code, reply.enhanced):
            self._tell(row, DeliveryState.FAILED, str(reply), found)
        else:
            self._defer(row, reply, found)
        return None

    def broke(self, flight: Flight, e: Dropped) -> None:
        """Write down that no answer came."""
        row = flight.row
        self._pace.answered(flight.domain, None)
        wait = SOON if not e.after_content else None
        if e.after_content and self._job.smtp.uncertain == "resend":
            wait = self._patience.wait(row.attempts + 1, _seed(row))
        state = DeliveryState.DEFERRED if wait else DeliveryState.UNCERTAIN
        self._tell(row, state, str(e), wait=wait)

    def not_offered(self, flight: Flight, e: Exception) -> None:
        """Write down that the message fits no transaction with this server."""
        self._pace.answered(flight.domain, None)
        self._tell(flight.row, DeliveryState.DEFERRED, str(e), wait=SOON)

    def _defer(self, row: Delivery, reply: Reply, found: Verdict) -> None:
        wait = self._patience.wait(row.attempts + 1, _seed(row))
        if wait is None:
            self._tell(row, DeliveryState.FAILED, self._patience.given_up(str(reply)), found)
        else:
            self._tell(row, DeliveryState.DEFERRED, str(reply), found, wait)
        if found is Verdict.THROTTLED or reply.phase is Phase.MAIL:
            self._strike(reply)

    def _strike(self, reply: Reply) -> None:
        self._strikes += 1
        if self._strikes >= STRIKES:
            raise Unreachable(
                f"the mail server put off {STRIKES} messages in a row; it said last: {reply}",
                remedy="Nothing was lost. Run the command again later, or ask its operator.",
            )

    async def _blame_us(self, row: Delivery, reply: Reply) -> None:
        """
        Stop for a person, the reader still owed; nobody is to blame but us.

        Unless it was said of this reader before, a person resumed, and others were taken
        since: then it is this reader's, and does not stop everybody again and again.
        """
        if reply.phase is not Phase.MAIL and await self._others_were_taken_since(row):
            self._tell(row, DeliveryState.FAILED, str(reply), Verdict.REFUSED)
            return
        wait = self._patience.wait(row.attempts + 1, _seed(row))
        if wait is None:
            self._tell(row, DeliveryState.FAILED, str(reply), Verdict.OURS)
        else:
            self._tell(row, DeliveryState.DEFERRED, str(reply), Verdict.OURS, wait)
        raise SenderFault(
            f"the mail server refused the mail itself ({reply.phase}): {reply}",
            remedy="Mend the cause, then run: digest issue resume",
        )

    async def _others_were_taken_since(self, row: Delivery) -> bool:
        before = row.changed_at
        if not row.attempts or before is None:
            return False
        return await self._recorder.do(
            lambda conn: ledger.accepted_since(conn, self._job.issue, before)
        )

    def _tell(
        self,
        row: Delivery,
        state: DeliveryState,
        answer: str,
        found: Verdict | None = None,
        wait: timedelta | None = None,
    ) -> None:
        now = self._job.clock()
        self._recorder.tell(
            Result(
                subscriber=row.recipient.subscriber,
                state=state,
                reason=found,
                answer=answer,
                due_at=now + wait if wait else None,
                at=now,
            )
        )


def _seed(row: Delivery) -> str:
    return f"{row.issue}:{row.recipient.subscriber}"
