"""Progress on stderr: a bar where a person watches, a line where a file does."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from tqdm import tqdm

LINE_SECONDS = 30.0
"""Where no person watches, a line is written so often."""


class Progress:
    """A bar that is told (done, of how many); now and then a line, where stderr goes into a file."""

    def __init__(self, title: str, unit: str = "it", clock: Callable[[], float] = time.monotonic) -> None:
        self.title = title
        self.unit = unit
        self._bar: tqdm[Any] | None = None
        self._clock = clock
        self._last_line = clock()

    def __call__(self, done: int, total: int, loss: float | None = None) -> None:
        """Show that `done` of `total` are done."""
        if self._bar is None:
            say(self.title)
            self._bar = tqdm(
                total=total,
                desc=self.title,
                unit=self.unit,
                file=sys.stderr,
                disable=None if is_shown() else True,
                leave=False,
                mininterval=0.5,
            )
        if not sys.stderr.isatty():
            self._write_line(done, total, loss)
        self._bar.update(done - self._bar.n)
        if loss is not None:
            self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        if done >= total:
            self.close()

    def _write_line(self, done: int, total: int, loss: float | None) -> None:
        now = self._clock()
        if done < total and now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            say(f"{self.title}: {done:,} of {total:,}" + ("" if loss is None else f", loss {loss:.3f}"))

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_hidden: ContextVar[bool] = ContextVar("hidden", default=False)


@contextmanager
def shown(show: bool) -> Iterator[None]:
    """Show progress on stderr in the block, or nothing at all: what is called from Python is silent unless asked."""
    token = _hidden.set(not show)
    try:
        yield
    finally:
        _hidden.reset(token)


def is_shown() -> bool:
    """Whether progress is shown."""
    return not _hidden.get()


def say(text: str) -> None:
    """Print a line on stderr."""
    if is_shown():
        print(text, file=sys.stderr, flush=True)


def quiet() -> None:
    """Keep transformers' own progress bars and advice off the terminal."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("peft").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
