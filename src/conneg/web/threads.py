"""Blocking calls of a request, in threads."""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
from anyio import to_thread

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `call` gives, called in a thread."""
    return await to_thread.run_sync(partial(call, *args, **kwargs))


async def to_the_end(call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call in a thread what has to be done also when the client has gone; it is not cancelled."""
    with anyio.CancelScope(shield=True):
        await in_thread(call, *args, **kwargs)
