"""The log: structlog to standard error, coloured on a terminal, JSON lines for programs."""

import logging
import sys
from dataclasses import asdict, dataclass

import structlog

from conneg.gateway.events import DialogueLine, Event, Watcher, ignore


@dataclass(frozen=True, slots=True)
class LogStyle:
    """How the log is written: for people or as JSON lines; with `verbose` every event of the gateway is in it."""

    as_json: bool = False
    verbose: bool = False

    def watcher(self) -> Watcher:
        """Return who writes events into the log."""
        return LogWatcher() if self.verbose else ignore


def set_up_log(style: LogStyle) -> None:
    """Send the log of this process to standard error."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if style.as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), sort_keys=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class LogWatcher:
    """Writes every event of the gateway but the dialogues into the log."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("conneg")

    def __call__(self, event: Event) -> None:
        """Write `event` under its class's name."""
        if not isinstance(event, DialogueLine):
            self._log.info(type(event).__name__.lower(), **asdict(event))
