"""An answer that is given before a request has come whole reaches who sends it all the same."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.serve.settings import StudioSettings

MOST_DISCARDED = 32 * 2**20
"""Bytes that are read only to be thrown away: more than proxies are set up to pass on (docs/serving.md)."""


class Lingering:
    """ASGI middleware: what a client still sends is read, and thrown away, before it is answered.

    A refusal comes before the body is read, and then the connection is closed on it. A client that is in the midst of
    its sending may lose the answer by that: nginx and Caddy say 502 in its place. A body beyond `MOST_DISCARDED`, or
    one that its client only sends when asked to ("Expect: 100-continue"), is not waited for.
    """

    def __init__(self, app: ASGIApp, settings: StudioSettings) -> None:
        self.app = app
        self.patience = settings.patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0" if b"transfer-encoding" not in headers else b"")
        length = int(announced) if announced.isdigit() else None
        coming, was_asked = length != 0, b"expect" not in headers

        async def watched() -> Message:
            nonlocal coming, was_asked
            was_asked = True
            message = await receive()
            coming = coming and bool(message.get("more_body", False))
            return message

        async def read_out() -> None:
            left = MOST_DISCARDED if length is None or length <= MOST_DISCARDED else 0
            while coming and left > 0:
                left -= len((await watched()).get("body", b""))

        async def after_all_has_come(message: Message) -> None:
            if message["type"] == "http.response.start" and coming and was_asked:
                try:
                    async with asyncio.timeout(self.patience):
                        await read_out()
                except TimeoutError:
                    """Whoever sends that slowly may lose the answer."""
            await send(message)

        await self.app(scope, watched, after_all_has_come)
