"""The log: structlog to standard error, coloured on a terminal, JSON lines for programs."""

import logging
import sys
from dataclasses import asdict

import structlog

from conneg.gateway.events import DialogueLine, Event


def set_up_log(*, as_json: bool, level: int) -> None:
    """Send the log to standard error from `level` up."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), sort_keys=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class LogWatcher:
    """Writes every event of the gateway but the dialogues into the log."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("conneg")
        self._level = logging.INFO

    def __call__(self, event: Event) -> None:
        """Write `event` under its class's name."""
        if not isinstance(event, DialogueLine):
            self._log.info(type(event).__name__.lower(), **asdict(event))
