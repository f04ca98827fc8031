"""How many requests are under way at a server: as many as it answers fastest, found while it works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FIRST = 4
"""So many requests are under way at first."""
MOST = 64
"""So many at most: as many threads wait for them."""
GAIN = 1.15
"""Twice as many requests have to make it so many times as fast."""


class Pace:
    """Lets requests go when there is room; several threads may use it.

    It doubles the room as long as the server gets faster by it, measured over as many answers as there is room for,
    goes back to the last that paid, and stays there. A server that says it is busy halves it.

    Args:
        fixed: Requests under way; 0: found out.
        clock: Gives seconds.

    Attributes:
        room: Requests that may be under way now.
        most: Those that may ever be.
    """

    def __init__(self, fixed: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.room = fixed or FIRST
        self.most = fixed or MOST
        self._found = bool(fixed)
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting = self._under_way = self._answers = self._round = 0
        self._fastest, self._paid = 0.0, self.room
        self._size, self._since = 0, 0.0

    @contextmanager
    def slot(self, size: int) -> Iterator[Callable[[], None]]:
        """Wait for room and hold it.

        Args:
            size: What the request brings, such as its letters.

        Yields:
            What is to be called when the server says that it is busy.
        """
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: self._under_way < self.room)
            self._waiting -= 1
            self._under_way += 1
            if self._under_way == 1:
                self._begin()
            started = self._round
        try:
            yield lambda: self._busy(started)
        except BaseException:
            self._leave(0)
            raise
        self._leave(size)

    def _leave(self, size: int) -> None:
        with self._changed:
            self._under_way -= 1
            if not self._found:
                self._count(size)
            self._changed.notify_all()

    def _count(self, size: int) -> None:
        """Count an answer; without others that wait, the server isn't busy enough to tell anything."""
        if not self._waiting or not size:
            self._begin()
            return
        self._answers += 1
        if self._answers == self.room:  # those that went before there was so much room
            self._size, self._since = 0, self._clock()
        elif self._answers > self.room:
            self._size += size
        if self._answers == 2 * self.room:
            self._judge(self._size / max(self._clock() - self._since, 1e-9))

    def _judge(self, speed: float) -> None:
        if speed > GAIN * self._fastest and self.room < MOST:
            self._fastest, self._paid = speed, self.room
            self.room = min(2 * self.room, MOST)
        else:
            self.room = self.room if speed > GAIN * self._fastest else self._paid
            self._found = True
        self._begin()

    def _busy(self, started: int) -> None:
        """Halve the room, once for all requests that went while it was so large."""
        with self._changed:
            if started == self._round:
                self.room, self._found = max(1, self.room // 2), True
                self._round += 1

    def _begin(self) -> None:
        self._answers, self._size, self._since = 0, 0, self._clock()
