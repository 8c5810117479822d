"""
Break a fleet at random while issues go out, and count its readers.

``python -m bench.chaos`` puts three workers, two web processes, a PostgreSQL and a mail server
on machines of their own (network namespaces; it needs root), sends one issue undisturbed, and
then issues for ten minutes in which every few seconds one of them is killed, cut off or stood
still. Nobody may be lost, nobody sent to twice, and each issue must be finished within twice
the undisturbed time. About a quarter of an hour.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from bench.chaos.network import NoNetwork, network
from bench.chaos.trial import Outcome, Trial


def main() -> None:
    asked = _arguments()
    luck = random.Random(asked.seed)
    print(f"seed {asked.seed}", flush=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="recap-chaos-") as folder,
            network() as built,
            Trial(built, Path(folder), readers=asked.readers, seconds=asked.seconds) as trial,
        ):
            usual = trial.send(patience=3600)
            _tell("undisturbed", usual)
            outcomes, until = [], time.monotonic() + asked.minutes * 60
            while time.monotonic() < until:
                outcomes.append(trial.send(disturbed_by=luck, patience=usual.seconds * 4))
                _tell("disturbed", outcomes[-1])
            trial.await_recovery()
            print("ended", trial.ends)
    except NoNetwork as e:
        print(f"skipped: {e}")
        return
    if not all(each.is_right for each in [usual, *outcomes]):
        sys.exit("somebody was lost, or sent to twice")
    if late := [each for each in outcomes if each.seconds > 2 * usual.seconds]:
        sys.exit(f"{len(late)} issues took more than twice as long")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--readers", type=int, default=50_000, help="of each issue")
    parser.add_argument("--minutes", type=float, default=10, help="of disturbance, at least")
    parser.add_argument("--seconds", type=float, default=0.05, help="of the mail server, a mail")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    return parser.parse_args()


def _tell(what: str, outcome: Outcome) -> None:
    print(
        f"{what}: {outcome.readers:,} readers, {outcome.seconds:.0f} s, {outcome.sent:,} sent, "
        f"{outcome.uncertain} uncertain ({outcome.uncertain_taken} of them taken), "
        f"{len(outcome.twice)} twice, {len(outcome.lost)} lost, others {dict(outcome.others)}, "
        f"{outcome.faults.total()} faults {dict(sorted(outcome.faults.items()))}",
        flush=True,
    )


if __name__ == "__main__":
    main()
