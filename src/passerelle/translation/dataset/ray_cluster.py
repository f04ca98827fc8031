"""Ray as all that works on it uses it: started or reached, quiet, and with our own errors told from its own."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from passerelle.errors import MissingDependency, PasserelleError, RunError, to_install


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
    # Beside the workers the reader and Ray's own first step want a place; this says nothing of real processors.
    here = {"num_cpus": max(workers + 2, os.cpu_count() or 1), "include_dashboard": False}
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
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"ray\.data")


def ray_module() -> Any:
    """Return Ray.

    Raises:
        MissingDependency: It isn't installed.
    """
    try:
        import ray
        import ray.data
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
        if isinstance(at, PasserelleError):
            return at
        at = getattr(at, "cause", None) or at.__cause__
    return RunError(f"Ray failed: {error}")
