"""The access log: one line for each request, with the item and never with its link."""

import time
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("conneg")


class AccessLog:
    """An ASGI middleware that writes `retrieved` lines; handlers put `item` and `what` into the request's state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and write down how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told: dict[str, Any] = {"status": None, "octets": 0}
        state = scope.setdefault("state", {})
        began = time.monotonic()

        async def counted(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
            else:
                told["octets"] += len(message.get("body", b""))

        try:
            await self._app(scope, receive, counted)
        finally:
            if state.get("what") != "health":
                client = scope.get("client")
                log.info(
                    "retrieved",
                    item=state.get("item"),
                    what=state.get("what"),
                    method=scope["method"],
                    status=told["status"],
                    octets=told["octets"],
                    address=client[0] if client else None,
                    seconds=round(time.monotonic() - began, 3),
                )
