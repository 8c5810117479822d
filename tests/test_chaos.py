"""Machines that die, stand still, or are cut off while an issue goes out."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

import pytest

from bench.chaos.network import NoNetwork, network
from bench.chaos.trial import Trial
from tests import cluster

READERS = 3_000
#: What a single fault may cost a short run, whose usual time is shorter than a lease or two.
A_MOMENT = 30


@pytest.mark.slow
def test_a_fleet_that_is_broken_every_few_seconds_loses_nobody(needs):
    """Three workers, two web processes and PostgreSQL, each on a machine of its own: one after
    another is killed, cut off or stood still. Nobody is lost or sent to twice, it is finished
    within twice the usual time, and both web processes are well in the end."""
    seed = time.time_ns() % 1_000_000
    try:
        cluster.programs()
        with (
            # Not pytest's folder: the database's user has to walk through it.
            tempfile.TemporaryDirectory(prefix="recap-chaos-") as folder,
            network() as built,
            Trial(built, Path(folder), readers=READERS, seconds=0.05) as trial,
        ):
            usual = trial.send(patience=120)
            assert usual.is_right
            assert usual.uncertain == 0
            outcome = trial.send(disturbed_by=random.Random(seed), patience=240)
            assert outcome.faults, "it was over before anything broke"
            assert outcome.is_right, (seed, outcome)
            assert outcome.seconds < 2 * usual.seconds + A_MOMENT, (seed, outcome)
            trial.await_recovery()
    except NoNetwork as e:
        needs("network", f"no network namespaces: {e}")
    except cluster.NoCluster as e:
        needs("postgres", str(e))
