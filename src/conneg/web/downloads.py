"""A content on its way to a client: ranges, conditions, and no more octets than the item's downloads allow.

Octets are counted and not requests, so that a download in pieces costs what it sends and nobody gets around the limit
by asking for pieces. What a request may send is taken off before, and what it did not send is given back.
"""

import contextlib
from collections.abc import AsyncIterable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import anyio
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from conneg.staging import Item, NoSuchItemError, Store, Usage
from conneg.web.connections import SEND_SECONDS
from conneg.web.headers import CONTENT, attachment, content_type
from conneg.web.preconditions import http_date, is_failed, is_not_modified, may_be_partial
from conneg.web.ranges import Span, UnsatisfiableRangeError, read_range
from conneg.web.refusal import Refusal
from conneg.web.threads import in_thread, to_the_end


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be sent: one form of an item.

    `key` is the form's, `etag` names these octets (RFC 9110, 8.8.3), `read` gives some in chunks. What is `shown`,
    a preview, is no download.
    """

    key: str
    name: str
    media_type: str
    charset: str | None
    octets: int
    etag: str
    modified_at: float
    read: Callable[[int, int], Iterator[bytes]]
    shown: bool = False


def downloads_left(item: Item, usage: Usage, key: str, octets: int) -> int:
    """Return how many whole downloads of that form are left."""
    size = max(1, octets)
    return max(0, item.most_downloads * size - usage.sent.get(key, 0)) // size


async def respond(request: Request, store: Store, item: Item, content: Content) -> Response:
    """Return the answer to a GET or HEAD of that content.

    Raises `Refusal` where no download is left.
    """
    fields = _fields(content)
    if is_failed(request.headers, content.etag, content.modified_at):
        return Response(status_code=412, headers=fields)
    if is_not_modified(request.headers, content.etag, content.modified_at):
        return Response(status_code=304, headers=fields)
    span = None
    if may_be_partial(request.headers, content.etag, content.modified_at) and request.method == "GET":
        try:
            span = read_range(request.headers.get("range"), content.octets)
        except UnsatisfiableRangeError:
            fields["Content-Range"] = f"bytes */{content.octets}"
            return Response(status_code=416, headers=fields)
    wanted = span or Span(0, content.octets)
    fields["Content-Length"] = str(wanted.octets)
    fields["Content-Type"] = content_type(content.media_type, content.charset)
    if span is not None:
        fields["Content-Range"] = span.content_range(content.octets)
    if request.method == "HEAD":
        return Response(headers=fields)
    if not content.shown:
        await _take(store, item, content, wanted.octets)

    def over(sent: int) -> None:
        if not content.shown and sent < wanted.octets:
            _give_back(store, item, content, wanted.octets - sent)

    chunks = content.read(wanted.start, wanted.end)
    return ContentResponse(chunks, 206 if span else 200, fields, over)


def _fields(content: Content) -> dict[str, str]:
    return {
        **CONTENT,
        "ETag": content.etag,
        "Last-Modified": http_date(content.modified_at),
        "Accept-Ranges": "bytes",
        **({} if content.shown else {"Content-Disposition": attachment(content.name)}),
    }


async def _take(store: Store, item: Item, content: Content, octets: int) -> None:
    def take(usage: Usage) -> tuple[Usage, bool]:
        sent = usage.sent.get(content.key, 0) + octets
        if sent > item.most_downloads * max(1, content.octets):
            return usage, False
        return replace(usage, sent={**usage.sent, content.key: sent}), True

    if not await in_thread(store.amend, item.id, take):
        raise Refusal.no_download_left()


def _give_back(store: Store, item: Item, content: Content, octets: int) -> None:
    def give_back(usage: Usage) -> tuple[Usage, None]:
        sent = max(0, usage.sent.get(content.key, 0) - octets)
        return replace(usage, sent={**usage.sent, content.key: sent}), None

    with contextlib.suppress(NoSuchItemError):  # removed meanwhile, and its count with it
        store.amend(item.id, give_back)


class ContentResponse(StreamingResponse):
    """Sends chunks; `over` is called with the number of octets that went out, also when the client has gone."""

    def __init__(
        self, chunks: Iterator[bytes], status: int, fields: Mapping[str, str], over: Callable[[int], None]
    ) -> None:
        self._over = over
        self._sent = 0
        super().__init__(self._chunks(chunks), status, fields)

    async def _chunks(self, chunks: Iterator[bytes]) -> AsyncIterable[bytes]:
        async for chunk in iterate_in_threadpool(chunks):
            yield chunk

    async def stream_response(self, send: Send) -> None:
        """Send all of it, or as much as the client takes."""

        async def counted(message: Message) -> None:
            with anyio.fail_after(SEND_SECONDS):
                await send(message)
            self._sent += len(message.get("body", b""))

        try:
            await super().stream_response(counted)
        finally:
            await to_the_end(self._over, self._sent)
