"""Apertium's programs, lent from one test to the next: they take a second to read their dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from passerelle.machine import free_memory_bytes
from passerelle.translation.engines import apertium
from passerelle.translation.engines.apertium_pipeline import Pipeline

KEPT, SPARE_BYTES = 4, 12 << 30
"""So many pipelines wait for a borrower, those that came back last: the four that check a translation from English take
1.6 GB, and there are several workers; so none where less than so much memory is free."""


class Lent(Pipeline):
    """A pipeline that closes when it fails, and else waits for whoever asks for the same programs next."""

    waiting: list[Lent] = []

    def __init__(self, commands: Sequence[Sequence[str]], timeout_seconds: float) -> None:
        self.commands = [list(command) for command in commands]
        self._asked = True  # it closes if it can't be started
        super().__init__(commands, timeout_seconds)
        self._asked = False

    def exchange(self, parts: Sequence[str]) -> list[str]:
        self._asked = True
        replies = super().exchange(parts)
        self._asked = False
        return replies

    def close(self) -> None:
        if self._asked or not self.usable:
            super().close()
        elif self not in self.waiting:
            self.waiting.append(self)
            while len(self.waiting) > (KEPT if (free_memory_bytes() or 0) > SPARE_BYTES else 0):
                self.waiting.pop(0).end()

    def end(self) -> None:
        super().close()

    @classmethod
    def borrow(cls, commands: Sequence[Sequence[str]], timeout_seconds: float) -> Lent:
        """Return one that waits, or start one."""
        for one in cls.waiting:
            if one.usable and (one.commands, one._timeout_seconds) == (commands, timeout_seconds):
                cls.waiting.remove(one)
                return one
        return cls(commands, timeout_seconds)


@contextmanager
def lent() -> Iterator[None]:
    """Lend the programs of all engines that are opened in the block; they end with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apertium, "Pipeline", Lent.borrow)
        yield
    while Lent.waiting:
        Lent.waiting.pop().end()
