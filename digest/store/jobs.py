"""
Procrastinate's jobs: a word to the workers that there is something to settle.

A job holds nothing but an issue's number. It is written in the transaction that makes the
work, so that none is announced that is not there; what is owed is known to the ledger
alone, so that a job that is lost costs a moment, and one that runs twice sends nothing twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import Connection, text

from digest.errors import StoreError
from digest.store.database import CONNECT_SECONDS, Database

if TYPE_CHECKING:
    from procrastinate import App
    from procrastinate.types import JSONDict

QUEUE = "recap"
TASK = "recap.settle"
#: Readers of one job: some seconds' work, so that nobody waits long for a worker's end.
SHARE = 2_000
#: Jobs of one issue that wait at most; others are announced as these are taken up.
MOST_JOBS = 500
#: A worker that was not heard of for so many seconds is dead, in Procrastinate's eyes.
HEARTBEAT_SECONDS = 30.0

_INSTALL = "Run: pip install 'weekly-recap[fleet]'"


def prepare(database: Database) -> bool:
    """
    Make Procrastinate's tables if they are not there; tell whether they were made.

    Calling twice is safe. StoreError where the database is no PostgreSQL.
    """
    if database.is_sqlite:
        _refuse_sqlite(database)
    with database.reshape() as conn:
        if is_prepared(conn):
            return False
        # Several statements, which only the driver takes at once.
        _driver(conn).execute(_application(None).schema_manager.get_schema())
        return True


def require(database: Database) -> None:
    """Do nothing if a fleet can work on *database*; StoreError that says what it lacks."""
    _application(None)
    if database.is_sqlite:
        _refuse_sqlite(database)
    with database.read() as conn:
        _require(conn)


def _require(conn: Connection) -> None:
    if not is_prepared(conn):
        raise StoreError("the fleet's tables are not there", remedy="Run: digest db upgrade")


def _refuse_sqlite(database: Database) -> NoReturn:
    raise StoreError(
        f"{database.place}: a fleet needs PostgreSQL",
        remedy="Run: digest db move postgresql://… ; or leave `fleet` out of config.yaml.",
    )


def is_prepared(conn: Connection) -> bool:
    """Tell whether Procrastinate's tables are there."""
    return conn.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is not None


def announce(conn: Connection, issue_id: int, readers: int) -> int:
    """
    Have so many jobs waiting as so many *readers* take, in the caller's transaction.

    Return how many were added. StoreError if Procrastinate's tables are not there.
    """
    _require(conn)
    missing = min(ceil(readers / SHARE), MOST_JOBS) - waiting(conn, issue_id)
    if missing <= 0:
        return 0
    announced = _application(None).configure_task(
        TASK, queue=QUEUE, allow_unknown=True, connection=_driver(conn)
    )
    told: list[JSONDict] = [{"issue": issue_id}] * missing
    announced.batch_defer(*told)
    return missing


def waiting(conn: Connection, issue_id: int) -> int:
    """Return how many announced shares of the issue no worker has taken up."""
    query = text(
        "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = :queue"
        " AND status = 'todo' AND (args ->> 'issue')::bigint = :issue"
    )
    return int(conn.execute(query, {"queue": QUEUE, "issue": issue_id}).scalar_one())


@asynccontextmanager
async def opened(database: Database, settle: Callable[[int], None]) -> AsyncIterator[App]:
    """
    Give Procrastinate's application for a worker, whose jobs call *settle* in a thread.

    StoreAway if the database does not answer.
    """
    from procrastinate import PsycopgConnector

    url = database.engine.url.set(drivername="postgresql")
    connector = PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        kwargs={"connect_timeout": CONNECT_SECONDS},
        # One asks for work, and says now and then that it lives.
        min_size=1,
        max_size=4,
        timeout=CONNECT_SECONDS,
    )
    app = _application(connector)

    def task(issue: int) -> None:
        settle(issue)

    app.task(name=TASK, queue=QUEUE)(task)
    with _explained(database):
        await app.open_async()
    try:
        yield app
    finally:
        await app.close_async()


async def take(database: Database, app: App) -> None:
    """
    Run jobs one after the other, until cancelled; the one at work is waited for then.

    Where the database goes away it ends, after the job at work: StoreAway, or no word.
    """
    with _explained(database):
        await app.run_worker_async(
            queues=[QUEUE],
            concurrency=1,
            delete_jobs="always",
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_SECONDS / 3,
            stalled_worker_timeout=HEARTBEAT_SECONDS,
        )


async def forget_stalled(database: Database, app: App) -> int:
    """
    Take away the jobs of dead workers; return how many. The ledger knows what was left.

    StoreAway if the database does not answer.
    """
    from procrastinate.jobs import Status

    count = 0
    with _explained(database):
        stalled = await app.job_manager.get_stalled_jobs(
            queue=QUEUE, seconds_since_heartbeat=HEARTBEAT_SECONDS
        )
        for job in stalled:
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
            count += 1
    return count


@contextmanager
def _explained(database: Database) -> Iterator[None]:
    """Turn Procrastinate's word for the driver's errors into ours."""
    from procrastinate.exceptions import ConnectorException
    from psycopg import Error

    with database.explained():
        try:
            yield
        except ConnectorException as e:
            if isinstance(e.__cause__, Error):
                raise e.__cause__ from e
            raise


def _application(connector: Any) -> App:
    try:
        from procrastinate import App, SyncPsycopgConnector
    except ImportError as e:
        raise StoreError("a fleet needs Procrastinate", remedy=_INSTALL) from e
    return App(connector=connector or SyncPsycopgConnector())


def _driver(conn: Connection) -> Any:
    return conn.connection.driver_connection
