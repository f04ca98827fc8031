"""Open a crew by the names that commands have for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from passerelle.crews.base import Crew
from passerelle.errors import ConfigError

RUNNERS = ("local", "ray")
"""Where work is done: on this machine, or on Ray."""
ON_RAY = 2
"""Workers on Ray, where none are asked for."""


@contextmanager
def open_crew(runner: str = "local", workers: int | None = None, address: str = "") -> Iterator[Crew | None]:
    """Open a crew for as long as the block lasts.

    Args:
        runner: One of `RUNNERS`.
        workers: How many; by default one on this machine, which is this process, and `ON_RAY` on Ray.
        address: Of a Ray cluster; empty: Ray is started on this machine.

    Yields:
        The crew; ``None`` where this process does all by itself.

    Raises:
        ConfigError: An address is given for this machine.
        MissingDependency: Ray isn't installed.
        RunError: There is no cluster at the address.
    """
    if runner == "ray":
        from passerelle.crews.ray import open_ray_crew

        with open_ray_crew(workers or ON_RAY, address) as crew:
            yield crew
        return
    if address:
        raise ConfigError("--ray-address names a Ray cluster: give --runner ray too.")
    if workers is None or workers == 1:
        yield None
        return
    from passerelle.crews.processes import open_processes

    with open_processes(workers) as crew:
        yield crew
