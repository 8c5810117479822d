"""Both APIs as programs use them, on a server of their own, for schemathesis to ask."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.judges.tools import SCHEMATHESIS
from digest import staff
from digest.staff import Role, Scope
from digest.store import Database, upgrade
from tests import friday
from tests.website import NOW, a_draft, served

DESCRIBED = ("/api/v1", "/api/v1/desk")
#: What cannot be told from a description alone: a feed that is added must answer, an act must
#: be one that the issue's state allows.
_NOT_ASKED = ("positive_data_acceptance",)
#: Requests for each operation beside those that try each boundary once.
_EXAMPLES = 15


@dataclass(frozen=True)
class Answered:
    """What came of one description."""

    described: str
    asked: int
    faults: tuple[str, ...]


def answered(folder: Path) -> Iterator[Answered]:
    """Yield what schemathesis finds in each API; OSError if it cannot be started."""
    with _api(folder) as (address, token):
        for described in DESCRIBED:
            yield _asked(f"{address}{described}", token, folder)


@contextmanager
def _api(folder: Path) -> Iterator[tuple[str, str]]:
    database = Database(f"sqlite:///{folder}/interface.db")
    upgrade.upgrade(database)
    try:
        with served(database, folder) as site:
            friday.publish(database, *friday.TITLES)
            a_draft(database)
            account = staff.add(database, "admin@example.org", Role.ADMIN, now=NOW)
            token = staff.make_token(
                database,
                site.loaded,
                account,
                name="a judge",
                scopes=tuple(Scope),
                lasts=None,
                now=NOW,
            )
            yield site.address, token
    finally:
        database.close()


def _asked(url: str, token: str, folder: Path) -> Answered:
    command = [
        SCHEMATHESIS, "run", f"{url}/openapi.json",
        "--url", url,
        "--header", f"Authorization: Bearer {token}",
        "--max-examples", str(_EXAMPLES),
        "--exclude-checks", ",".join(_NOT_ASKED),
        "--continue-on-failure",
        "--warnings", "off",
        "--seed", "1",
    ]  # fmt: skip
    # It leaves its examples where it is started.
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    counted = re.search(r"(\d+) generated", done.stdout)
    faults = tuple(_faults(done.stdout))
    if done.returncode and not faults:
        faults = tuple((done.stderr or done.stdout).splitlines()[-5:])
    described = url.removeprefix("http://").partition("/")[2]
    return Answered(f"/{described}", int(counted[1]) if counted else 0, faults)


def _faults(told: str) -> Iterator[str]:
    operation = ""
    for line in told.splitlines():
        if heading := re.fullmatch(r"_+ ([A-Z]+ /.*) _+", line):
            operation = heading[1]
        elif line.startswith("- ST"):
            yield f"{operation}: {line[2:]}"
