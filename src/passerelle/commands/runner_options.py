"""The options of who does the work, alike for all commands that can share it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from passerelle.quality.assessing import Assess
    from passerelle.quality.estimate.calibrated import Opening

RUNNERS = ("local", "ray")


def runner_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--runner``, ``--workers`` and ``--ray-address``, given as `runner`, `workers` and `address`."""
    for option in reversed(
        (
            click.option("--runner", type=click.Choice(RUNNERS), default="local", show_default=True,
                         help="Who does the work."),
            click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True,
                         help="How many at once, on Ray."),
            click.option("--ray-address", "address", default="",
                         help="Address of a Ray cluster  [Ray on this machine]."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def opened_assess(opening: Opening) -> AbstractContextManager[Assess]:
    """Open what estimates pairs, for as long as the block lasts.

    Raises:
        UserError: Something is missing.
    """
    from passerelle.quality.estimate import calibrated

    how = (opening.source, opening.target, opening.calibration, opening.store, opening.phrasebook, opening.more)
    return nullcontext(calibrated.open_assess(*how, quick=opening.quick))
