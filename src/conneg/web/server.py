"""The retrieval server as one thing: built from a configuration, run until it is told to stop.

uvicorn speaks HTTP; conversions run in worker processes; now and then what has expired is swept away.
"""

import asyncio
import contextlib
import logging
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import structlog
import uvicorn

from conneg.bounds import Bound
from conneg.content import Office, RenditionCache, Workers
from conneg.errors import ConnegError, UnavailableError, UsageError
from conneg.gateway.citing import open_store, open_tokens
from conneg.gateway.config import Config
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.service import worker_limits
from conneg.gateway.staging_section import StagingSection
from conneg.staging import FileStore
from conneg.web.app import Retrieval
from conneg.web.code_mail import CodeMail
from conneg.web.codes import OneTimeCodes
from conneg.web.connections import DeadlineProtocol
from conneg.web.forms import Forms

CONNECTIONS = Bound(
    name="web.connections",
    value=500,
    unit="connections and requests at once",
    reason="each takes some ten kilobytes; a proxy before the server holds the slow ones",
    answer="503",
)
SWEEP_SECONDS = 600.0
STOP_SECONDS = 10
_HEAD_OCTETS = 16_384

log = structlog.get_logger("conneg")


def staging_of(config: Config) -> StagingSection:
    """Return what the configuration says of staging. Raises `UsageError` where it says nothing."""
    if config.staging is None:
        raise UsageError(
            "the configuration has no [staging]",
            hint="add [staging] with base_url: --config FILE",
        )
    return config.staging


async def serve_staged(
    config: Config,
    stop: asyncio.Event,
    *,
    clock: Callable[[], float] = time.time,
    ready: Callable[[Endpoint], None] = lambda _: None,
) -> None:
    """Serve what is staged until `stop` is set; `ready` is told where, with the port that the system chose for port 0.

    Downloads under way then get `STOP_SECONDS`. Raises `StagingError`, `UnavailableError` and `UsageError`.
    """
    _log_of_uvicorn()
    section = staging_of(config)
    store = await asyncio.to_thread(open_store, section)
    tokens = await asyncio.to_thread(open_tokens, section)
    via = Endpoint.parse(section.code_via or config.server.listen[0])
    codes = OneTimeCodes(store, tokens, CodeMail(via, config.server.hostname).send, clock)
    async with _forms(config, section, store) as forms:
        retrieval = Retrieval(store, tokens, section, forms=forms, codes=codes, clock=clock)
        with _listening(Endpoint.parse(section.listen)) as listening:
            server = _Server(_uvicorn_config(retrieval, section))
            sweeping = asyncio.create_task(_sweep(store, clock))
            stopping = asyncio.create_task(_stop(server, stop))
            host, port, *_ = listening.getsockname()
            ready(Endpoint(host, port))
            try:
                await server.serve(sockets=[listening])
            finally:
                for task in (sweeping, stopping):
                    task.cancel()
                await asyncio.gather(sweeping, stopping, return_exceptions=True)


class _ToStructlog(logging.Handler):
    """Writes what uvicorn complains of into our log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        log.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def _log_of_uvicorn() -> None:
    logger = logging.getLogger("uvicorn")
    logger.handlers, logger.propagate = [_ToStructlog(logging.WARNING)], False


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to the command that runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield


def _uvicorn_config(retrieval: Retrieval, section: StagingSection) -> uvicorn.Config:
    return uvicorn.Config(
        retrieval.app(),
        http=DeadlineProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=[str(network) for network in section.proxy_networks],
        limit_concurrency=CONNECTIONS.value,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=_HEAD_OCTETS,
    )


@contextlib.contextmanager
def _listening(endpoint: Endpoint) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((endpoint.host, endpoint.port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise UnavailableError(
            f"cannot listen on {endpoint}: {error.strerror or error}",
            hint="name another port under [staging] listen, or stop the program that holds it",
        ) from error
    with listening:
        yield listening


@contextlib.asynccontextmanager
async def _forms(config: Config, section: StagingSection, store: FileStore) -> AsyncIterator[Forms | None]:
    """What makes other forms than the original; None where they are not wanted."""
    if not section.forms:
        yield None
        return
    content = config.content
    limits, closed_only = worker_limits(content), content.sandbox == "required"
    office = Office(limits, closed_only=closed_only) if content.office == "auto" else None
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="conneg-forms-"))
    try:
        cache = await asyncio.to_thread(RenditionCache, folder / "kept", section.cache_mib << 20)
        async with Workers(content.workers, limits, closed_only=closed_only) as workers:
            forms = Forms(store, workers, cache, folder / "readable", office=office, at_once=content.workers)
            try:
                yield forms
            finally:
                await forms.close()
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _sweep(store: FileStore, clock: Callable[[], float]) -> None:
    """Remove what has expired, and what no citation ever named, now and then."""
    while True:
        try:
            removed = await asyncio.to_thread(store.sweep, clock())
            if removed:
                log.info("swept", items=len(removed), octets=sum(item.octets for item in removed))
        except (ConnegError, OSError) as error:
            log.error("what has expired cannot be swept away", error=str(error))
        await asyncio.sleep(SWEEP_SECONDS)


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
