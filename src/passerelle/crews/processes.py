"""A crew of processes on this machine."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from passerelle.crews.base import WAITING_FOR_EACH, Piece, Result, Tools, do_piece, in_order
from passerelle.errors import RunError
from passerelle.languages.knowledge import Knowledge, know, own_knowledge


class ProcessCrew:
    """A `Crew` of processes that begin anew, and don't share this one's memory."""

    def __init__(self, executor: ProcessPoolExecutor, size: int) -> None:
        self.size = size
        self._executor = executor

    def work(self, tools: Tools[Piece, Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """Have pieces of work done, and yield the results in their order."""
        most = WAITING_FOR_EACH * self.size
        try:
            yield from in_order(lambda piece: self._executor.submit(do_piece, tools, piece), pieces, most)
        except BrokenProcessPool as error:
            raise RunError(
                "a worker process ended: killed, or out of memory. What was finished is kept; the same command goes on "
                "from there, and needs less memory with fewer --workers."
            ) from error


@contextmanager
def open_processes(size: int) -> Iterator[ProcessCrew]:
    """Begin so many processes for as long as the block lasts."""
    # Begun anew: a copy of this process would share its threads' locks and its engines' pipes.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(size, context, _begin, (own_knowledge(),))
    try:
        yield ProcessCrew(executor, size)
    finally:
        executor.shutdown(cancel_futures=True)


def _begin(languages: dict[str, Knowledge]) -> None:
    """Know what the first process knows of languages, and leave its interruption to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    know(languages)
