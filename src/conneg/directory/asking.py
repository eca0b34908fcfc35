"""Asking one source under a deadline, whatever it does."""

import asyncio
from collections.abc import Mapping, Sequence

from conneg.directory.model import Answer, Directory, Unavailable


async def ask(source: Directory, recipients: Sequence[str], seconds: float) -> Mapping[str, Answer]:
    """Ask one source; what goes wrong there, of whatever kind, is its `Unavailable` for each of `recipients`.

    The question runs as a task of its own, which is cancelled when its time is over but not waited for: a source that
    will not be cancelled must not hold up the caller either.
    """
    task = asyncio.ensure_future(source.lookup(recipients, seconds))
    try:
        async with asyncio.timeout(seconds):
            await asyncio.wait({task})
    except TimeoutError:
        return unavailable(recipients, f"{source.name}: no answer within {seconds:.1f} s")
    finally:
        if not task.done():
            task.add_done_callback(_forget)
            task.cancel()
    if task.cancelled():
        return unavailable(recipients, f"{source.name}: the lookup was cancelled")
    error = task.exception()
    if error is not None:
        return unavailable(recipients, f"{source.name}: {str(error) or type(error).__name__}")
    return task.result()


def _forget(task: "asyncio.Future[Mapping[str, Answer]]") -> None:
    """Take a late task's result, so that the loop does not report an error nobody asked for."""
    if not task.cancelled():
        task.exception()


def unavailable(recipients: Sequence[str], reason: str) -> Mapping[str, Answer]:
    """Return the same `Unavailable` for each of `recipients`."""
    return dict.fromkeys(recipients, Unavailable(reason))
