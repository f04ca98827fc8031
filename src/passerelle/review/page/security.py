"""What stands between the page and the network: headers, a bound on bodies, a bound on rates."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024
"""Larger requests are refused: the longest judgment has some 20 kB."""
BODY_SECONDS = 30.0
"""A body has to be there in this time; a page sends some kB."""
_SWALLOWED = 16
"""So many times that much of a refused body is read and thrown away."""
_MOST_DIGITS = 20
_MOST_BUCKETS = 10_000

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class SecurityHeaders:
    """Adds the headers above to every answer, and ``no-store`` where nothing else is said."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        headers = HEADERS | ({"strict-transport-security": "max-age=31536000"} if https else {})
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), *self._headers]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """Refuses requests whose body is too large, whatever they say of its length, or takes too long to come."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS) -> None:
        self._app, self._limit, self._seconds = app, limit, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(scope, receive)
        except TimeoutError:
            await _refuse(send, 408, "The request takes too long.")
            return
        if body is None:
            return
        if len(body) > self._limit:
            await _refuse(send, 413, "The request is too large.")
            return
        whole: Message = {"type": "http.request", "body": body, "more_body": False}
        given = iter([whole])

        async def receive_again() -> Message:
            return next(given, None) or await receive()

        await self._app(scope, receive_again, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Read the body here: it is small, and what is behind needn't know of streams that never end.

        Returns:
            The body, or more bytes than the limit for one that is too large; ``None`` if the client went away.
        """
        too_large = b" " * (self._limit + 1)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or len(announced) > _MOST_DIGITS or int(announced) > self._limit:
            await _swallow(receive, _SWALLOWED * self._limit)
            return too_large
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if len(body) > self._limit:
                await _swallow(receive, _SWALLOWED * self._limit)
                return too_large
            if not message.get("more_body", False):
                return bytes(body)


async def _swallow(receive: Receive, most: int) -> None:
    """Read on for a while: who is hung up on while sending never sees the answer."""
    while most > 0:
        message = await receive()
        most -= len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


async def _refuse(send: Send, status: int, why: str) -> None:
    text = f"{why}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


class RateLimit:
    """Token buckets: so many requests a second from one source, with bursts."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Make the buckets.

        Args:
            per_second: Requests that a source may make on average.
            burst: Requests that it may make at once.
            clock: Tells seconds.
        """
        self._rate, self._burst, self._clock = per_second, float(burst), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, source: str) -> bool:
        """Say whether one more request of a source may pass, and count it."""
        now = self._clock()
        left, since = self._buckets.pop(source, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        self._buckets[source] = (max(left - 1, 0.0), now)
        while len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return left >= 1
