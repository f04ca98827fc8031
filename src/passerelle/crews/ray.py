"""A crew on Ray, and Ray as all that works on it uses it: quiet, and with our own errors told from its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from passerelle.crews.base import WAITING_FOR_EACH, Piece, Result, Tools, do_piece, in_order
from passerelle.errors import MissingDependency, PasserelleError, RunError, to_install
from passerelle.languages.knowledge import Knowledge, know, own_knowledge


class RayWorker:
    """A worker of a crew, in a process that Ray made."""

    def __init__(self, languages: dict[str, Knowledge]) -> None:
        know(languages)

    def do(self, tools: Tools[Any, Any], piece: Any) -> Any:
        """Do a piece of work."""
        return do_piece(tools, piece)


class RayCrew:
    """A `Crew` of Ray's actors, on this machine or on a cluster.

    Attributes:
        here: The strategy by which Ray places what has to stay on this machine.
    """

    def __init__(self, size: int, here: Any) -> None:
        self.size, self.here = size, here
        made = ray_module().remote(RayWorker).options(num_cpus=1)
        self._workers = [made.remote(own_knowledge()) for _ in range(size)]
        self._busy = [0] * size

    def work(self, tools: Tools[Piece, Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """Have pieces of work done, and yield the results in their order."""
        try:
            yield from in_order(lambda piece: self._submit(tools, piece), pieces, WAITING_FOR_EACH * self.size)
        except ray_module().exceptions.RayError as error:
            raise our_cause(error) from error

    def _submit(self, tools: Tools[Any, Any], piece: Any) -> Future[Any]:
        """Give a piece to the worker that has the least to do."""
        place = self._busy.index(min(self._busy))
        self._busy[place] += 1
        future: Future[Any] = self._workers[place].do.remote(tools, piece).future()
        future.add_done_callback(lambda done: self._finished(place))
        return future

    def _finished(self, place: int) -> None:
        self._busy[place] -= 1


@contextmanager
def open_ray_crew(size: int, address: str = "") -> Iterator[RayCrew]:
    """Connect to Ray, or start it, and have so many workers there for as long as the block lasts.

    Args:
        size: How many workers.
        address: Of a cluster, on whose machines Passerelle and what its work takes must be installed; empty: Ray is
            started on this machine.

    Raises:
        MissingDependency: Ray isn't installed.
        RunError: There is no cluster at the address.
    """
    with connected(size, address) as here:
        yield RayCrew(size, here)


@contextmanager
def connected(workers: int, address: str = "") -> Iterator[Any]:
    """Connect to Ray, or start it, for as long as the block lasts.

    Args:
        workers: How many work at once.
        address: Of a cluster; empty: Ray is started on this machine.

    Yields:
        The strategy by which Ray places what has to stay on this machine.

    Raises:
        MissingDependency: Ray isn't installed.
        RunError: There is no cluster at the address.
    """
    ray = ray_module()
    _quieten()
    # Each worker wants a place; this says nothing of real processors.
    here = {"num_cpus": max(workers, os.cpu_count() or 1), "include_dashboard": False}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **({} if address else here))
    except Exception as error:  # Ray raises bare ones
        raise RunError(f"can't reach Ray at {address or 'this machine'!r}: {error}") from error
    try:
        yield ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
    finally:
        ray.shutdown()


def _quieten() -> None:
    """Keep Ray's own reports off the terminal, and off its makers; what goes wrong comes as an error."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")


def ray_module() -> Any:
    """Return Ray.

    Raises:
        MissingDependency: It isn't installed.
    """
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as missing:
        raise MissingDependency(f"Ray isn't installed. Install it with: {to_install('ray')}") from missing
    return ray


def answer(reference: Any) -> Any:
    """Wait for what a remote call returns; what it raises is raised here as it was there.

    Raises:
        RunError: Ray failed.
    """
    ray = ray_module()
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        raise our_cause(error) from error


def our_cause(error: BaseException) -> PasserelleError:
    """Find our own error in what Ray wrapped around it."""
    at: BaseException | None = error
    while at is not None:
        # What Ray raises is of our error's kind too, but says all that it went through.
        if isinstance(at, PasserelleError) and not isinstance(at, ray_module().exceptions.RayError):
            return at
        at = getattr(at, "cause", None) or at.__cause__
    return RunError(f"Ray failed: {error}")
