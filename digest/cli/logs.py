"""What the long-lived commands tell while they run: a line an event, on standard error."""

from __future__ import annotations

import sys

from digest.errors import ConfigError


def alert(error: ConfigError) -> None:
    """Tell that a changed configuration is not in force, and why."""
    import structlog

    structlog.get_logger("config").error(
        "the changed configuration cannot be used; the old one stays in force",
        error=str(error),
        remedy=error.remedy,
    )


def to_stderr() -> None:
    """Log one line an event: for people at a terminal, as JSON for programs."""
    import structlog

    # Tracebacks without local variables: those hold tokens and keys.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    for_programs = (structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *((plain,) if sys.stderr.isatty() else for_programs),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
