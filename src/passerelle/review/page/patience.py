"""How long the server waits for a request: whoever sends one letter a minute doesn't hold a connection for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 15.0
"""From its first byte, or from the connection, a request's headers have to be there in this time."""


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's HTTP, which waits for ever for the rest of a request's headers, with an end to that.

    Attributes:
        head_seconds: How long to wait.
    """

    head_seconds = HEAD_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on, unless a whole request's headers are there."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, failure: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(failure)

    def _wait(self) -> None:
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._stop()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._hang_up)

    def _hang_up(self) -> None:
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
