"""How far a translation is, on stderr: a bar where a person watches, now and then a line where a file does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tqdm import tqdm

    from passerelle.translation.dataset.runner import Progress

from passerelle.progress import LINE_SECONDS


class ShownProgress:
    """Shows how far a run is.

    Attributes:
        translated: Texts that the engine has translated so far.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.translated = 0
        self._clock = clock
        self._is_watched = sys.stderr.isatty()
        self._bar: tqdm[Any] | None = None
        self._last_line = clock(), 0

    def __call__(self, progress: Progress) -> None:
        """Show it, if it's time."""
        self.translated = progress.needed.translated
        if self._is_watched:
            self._move_bar(progress)
        elif self._clock() - self._last_line[0] >= LINE_SECONDS:
            self._print_line(progress)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def _move_bar(self, progress: Progress) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(unit="row", file=sys.stderr, leave=False)
        self._bar.total = progress.total
        self._bar.set_postfix_str(_texts(progress), refresh=False)
        self._bar.update(progress.tally.rows - self._bar.n)

    def _print_line(self, progress: Progress) -> None:
        now, rows = self._clock(), progress.tally.rows
        # The speed since the last line: what the memory knew at the beginning says nothing of what is left.
        per_second = (rows - self._last_line[1]) / (now - self._last_line[0])
        self._last_line = now, rows
        line = f"{rows:,}" + (f" of {progress.total:,}" if progress.total is not None else "") + " rows"
        if per_second:
            line += f", {per_second:,.1f} rows/s"
            if progress.total is not None:
                line += f", {duration((progress.total - rows) / per_second)} left"
        click.echo(f"{line}, {_texts(progress)}", err=True)


def _texts(progress: Progress) -> str:
    shown = f"{progress.needed.from_memory:,} from memory, {progress.needed.translated:,} translated"
    if progress.spent is None:
        return shown
    return shown + (f", cost {progress.spent.cost:.2f}" if progress.spent.cost else f", {progress.spent}")


def duration(seconds: float) -> str:
    """Say how long something takes: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
