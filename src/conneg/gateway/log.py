"""The log: structlog to standard error, coloured on a terminal, JSON lines for programs."""

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import structlog

from conneg.errors import ConnegError
from conneg.gateway.events import DialogueLine, Event, Watcher, ignore
from conneg.spool import SpoolDiskError, SpoolFullError

_AGAIN_SECONDS = 60.0
"""How often what every message meets is told."""


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


class FaultLog:
    """Writes faults into the log: what is wrong, and what to do. A disk that takes no writes is told once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = structlog.get_logger("conneg")
        self._clock = clock
        self._told: dict[type[BaseException], float] = {}

    def __call__(self, what: str, error: BaseException) -> None:
        """`what` failed for `error`."""
        if not self._is_due(error):
            return
        hint = getattr(error, "hint", None)
        self._log.error(
            what,
            error=str(error) or type(error).__name__,
            **({"hint": hint} if hint else {}),
            exc_info=not isinstance(error, ConnegError | OSError),
        )

    def _is_due(self, error: BaseException) -> bool:
        if not isinstance(error, SpoolDiskError | SpoolFullError):
            return True
        now = self._clock()
        if now - self._told.get(type(error), float("-inf")) < _AGAIN_SECONDS:
            return False
        self._told[type(error)] = now
        return True
