"""Where the time of a command went: parts that don't overlap, held against the whole that was measured around them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from passerelle.costs.clocks import Stopwatch, Took
from passerelle.runs import read_json, write_json

_FILE = "ledger.json"
Part = tuple[str, str]


class Book:
    """The parts of a command; what runs within a part and is one itself isn't counted twice."""

    def __init__(self) -> None:
        self._watch = Stopwatch()
        self._parts: dict[Part, Took] = {}
        self._open: list[tuple[str, list[Took]]] = []

    @contextmanager
    def part(self, name: str, arm: str) -> Iterator[None]:
        """Count the block; it belongs to an arm, or to that of the part around it."""
        whose = arm or (self._open[-1][0] if self._open else "")
        watch, within = Stopwatch(), list[Took]()
        self._open.append((whose, within))
        try:
            yield
        finally:
            self._open.pop()
            took = watch.took()
            if self._open:
                self._open[-1][1].append(took)
            for inner in within:
                took = took - inner
            self._parts[name, whose] = self._parts.get((name, whose), Took()) + took

    def close(self, folder: Path) -> dict[str, Any]:
        """Return whole, parts and everything else, with what earlier runs in the folder took, and keep them there."""
        whole = self._watch.took()
        known = read_json(folder / _FILE) or {"whole": asdict(Took()), "parts": []}
        parts = {(row["part"], row["arm"]): Took.read(row) for row in known["parts"]}
        for part, took in self._parts.items():
            parts[part] = parts.get(part, Took()) + took
        whole = whole + Took.read(known["whole"])
        rest = whole
        for took in parts.values():
            rest = rest - took
        rows = [{"part": name, "arm": arm, **asdict(took)} for (name, arm), took in parts.items()]
        found = {"whole": asdict(whole), "parts": rows, "everything_else": asdict(rest)}
        write_json(folder / _FILE, found)
        return found


_books: list[Book] = []


@contextmanager
def booked() -> Iterator[Book]:
    """Keep a book of the block."""
    book = Book()
    _books.append(book)
    try:
        yield book
    finally:
        _books.remove(book)


@contextmanager
def part(name: str, arm: str = "") -> Iterator[None]:
    """Count the block as a part of the command, where a book is kept; of the main thread's work only."""
    if not _books:
        yield
        return
    with _books[-1].part(name, arm):
        yield
