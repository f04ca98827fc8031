"""Options of who does the work, which the commands share that go through a whole data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from passerelle.crews.opening import RUNNERS


def running(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options ``runner``, ``workers`` and ``address``, as `passerelle.crews.opening.open_crew` takes them."""
    for option in reversed(
        (
            click.option("--runner", type=click.Choice(RUNNERS), default="local", show_default=True,
                         help="Where the work is done."),
            click.option("--workers", type=click.IntRange(min=1),
                         help="How many at once, each a process  [1 on this machine, 2 on Ray]."),
            click.option("--ray-address", "address", default="",
                         help="Address of a Ray cluster  [Ray on this machine]."),
        )
    ):  # fmt: skip
        command = option(command)
    return command
