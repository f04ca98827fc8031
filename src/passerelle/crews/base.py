"""The contract of a crew: workers that have the same tools and do pieces of work, whose results come in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")
Given = TypeVar("Given", contravariant=True)
Done = TypeVar("Done", covariant=True)
Work = Callable[[Piece], Result]

WAITING_FOR_EACH = 3
"""Pieces that are under way at once for each worker: enough that none waits for the next one."""


class Tools(Protocol[Given, Done]):
    """Says how a worker gets ready; a record, which travels to the worker and is opened there once."""

    def __call__(self) -> Callable[[Given], Done]:
        """Open what the work takes.

        Returns:
            What does a piece of work, again and again.

        Raises:
            PasserelleError: Something that it takes is missing.
        """
        ...


class Crew(Protocol):
    """Some workers.

    Attributes:
        size: How many.
    """

    size: int

    def work(self, tools: Tools[Piece, Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """Have pieces of work done; not many more of them are taken than are under way.

        Args:
            tools: With what; each worker opens them once.
            pieces: What is to be done; each must be able to travel between processes.

        Returns:
            The results, in the order of the pieces.

        Raises:
            PasserelleError: What a worker raised; or a worker ended.
        """
        ...


_opened: list[tuple[Any, Work[Any, Any]]] = []
"""What is open in this process, by the record that says how it was opened."""


def do_piece(tools: Tools[Any, Any], piece: Any) -> Any:
    """Do a piece of work in this process, with tools that are opened once."""
    for known, work in _opened:
        if known == tools:
            return work(piece)
    work = tools()
    _opened.append((tools, work))
    return work(piece)


def in_order(submit: Callable[[Piece], Future[Result]], pieces: Iterable[Piece], most: int) -> Iterator[Result]:
    """Have pieces done at the same time, and yield their results in order.

    Args:
        submit: Begins a piece.
        pieces: Taken one by one, as there is room.
        most: So many are under way, or done and not yet yielded.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for piece in pieces:
            waiting.append(submit(piece))
            while len(waiting) >= most or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for each in waiting:
            each.cancel()
