"""Progress on stderr: a bar where a person watches, a line where a file does."""

from __future__ import annotations

import logging
import sys
import warnings
from types import TracebackType
from typing import Any

from tqdm import tqdm


class Progress:
    """A bar that is told (done, of how many)."""

    def __init__(self, title: str, unit: str = "it") -> None:
        self.title = title
        self.unit = unit
        self._bar: tqdm[Any] | None = None

    def __call__(self, done: int, total: int, loss: float | None = None) -> None:
        """Show that `done` of `total` are done."""
        if self._bar is None:
            say(self.title)
            self._bar = tqdm(
                total=total,
                desc=self.title,
                unit=self.unit,
                file=sys.stderr,
                disable=None,
                leave=False,
                mininterval=0.5,
            )
        self._bar.update(done - self._bar.n)
        if loss is not None:
            self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        if done >= total:
            self.close()

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


def say(text: str) -> None:
    """Print a line on stderr."""
    print(text, file=sys.stderr, flush=True)


def quiet() -> None:
    """Keep transformers' own progress bars and advice off the terminal."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("peft").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
