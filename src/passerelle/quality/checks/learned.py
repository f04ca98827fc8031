"""Checks by learned estimators, COMETKiwi and MetricX-24, each a program in an environment of its own.

They pin old libraries, and their weights are large; nothing of them is imported here. They are asked over JSON lines
(``passerelle/data/workers/learned_scorer.py``), used where a calibration names them, and needed by none that ships.
"""

from __future__ import annotations

import math
import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from passerelle.errors import MissingDependency, RunError, to_install
from passerelle.quality.base import Finding, Pair
from passerelle.quality.checks.by_language import by_languages
from passerelle.quality.evidence.worker import TO_BEGIN_SECONDS, Worker
from passerelle.runs import cache_folder

AT_ONCE = 64
LOW = 0.5
"""Below this score (0..1) the check gives its figure as a reason."""


@dataclass(frozen=True)
class Estimator:
    """A learned estimator.

    Attributes:
        name: Of its check.
        title: For people.
        model: Name of its weights.
        licence: What the weights and the program may be used for.
        commands: What makes its environment, with ``{folder}`` and ``{python}`` for where it is.
        module: The module that is there when its environment is made.
        note: What else is to be done, with ``{folder}``; empty if nothing.
        worst: Its worst score where lower is better; 0 where scores are between 0 and 1 and higher is better.
    """

    name: str
    title: str
    model: str
    licence: str
    commands: tuple[str, ...]
    module: str
    note: str
    worst: float

    @property
    def folder(self) -> Path:
        """Its environment."""
        return cache_folder() / "environments" / self.name

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return self.folder / "bin" / "python"

    @property
    def is_there(self) -> bool:
        """Whether its environment is made, to the end."""
        return self.python.is_file() and any(self.folder.glob(f"lib/python*/site-packages/{self.module}"))

    @property
    def to_make(self) -> list[list[str]]:
        """The commands that make its environment, one after the other."""
        places = {"folder": self.folder, "python": self.python}
        return [[part.format(**places) for part in shlex.split(command)] for command in self.commands]

    @property
    def left_to_do(self) -> str:
        """What people must do beside; empty if nothing."""
        return self.note.format(folder=self.folder)

    def score(self, raw: float) -> float:
        """Return a score of 0 to 1, higher is better."""
        value = 1 - raw / self.worst if self.worst else raw
        return min(1.0, max(0.0, value))

    def how_to_install(self) -> str:
        """Say in one line what to type."""
        return to_install(self.name, commands=map(shlex.join, self.to_make)) + (
            f" ({self.left_to_do})" if self.note else ""
        )


@cache
def estimators() -> dict[str, Estimator]:
    """Return the learned estimators by name (``passerelle/data/learned.toml``)."""
    table = tomllib.loads(files("passerelle.data").joinpath("learned.toml").read_text(encoding="utf-8"))
    return {
        name: Estimator(name, **{**content, "commands": tuple(content["commands"])}) for name, content in table.items()
    }


class LearnedCheck:
    """Asks a learned estimator. The score (0..1) is the estimator's, turned so that higher is better."""

    def __init__(self, estimator: Estimator, command: Sequence[str] | None = None) -> None:
        """Take the estimator; its program is started when it is first needed.

        Args:
            estimator: Which one.
            command: What to run; the worker that ships, in the estimator's environment, if ``None``.
        """
        self.name = estimator.name
        self._estimator = estimator
        self._command = command
        self._worker: Worker | None = None
        self._version = ""

    @property
    def signature(self) -> str:
        """The weights and the program's version.

        Raises:
            MissingDependency: The environment isn't there; says how to make it.
            RunError: The program can't be started, or its model can't be loaded.
        """
        self._open()
        return f"{self.name} 1|{self._version}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; `UNKNOWN` where a side is blank.

        Raises:
            MissingDependency: The environment isn't there; says how to make it.
            RunError: The program ended, hung, or answered wrongly.
        """
        return by_languages(pairs, self._assess)

    def close(self) -> None:
        """End the program."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _assess(self, pairs: Sequence[Pair], source: str, target: str) -> list[Finding]:
        worker = self._open()
        found: list[Finding] = []
        for start in range(0, len(pairs), AT_ONCE):
            part = pairs[start : start + AT_ONCE]
            scores = worker.ask({"pairs": [[pair.source, pair.target] for pair in part]}).get("scores")
            if not _is_sound(scores, len(part)):
                raise RunError(f"{self._estimator.title} gave no {len(part)} numbers for {len(part)} pairs")
            found += [self._finding(float(score)) for score in scores or ()]
        return found

    def _finding(self, raw: float) -> Finding:
        score = self._estimator.score(raw)
        reason = f"{self._estimator.title} gives it {raw:.2f}" if score < LOW else ""
        return Finding(score, reason, None, {"raw": raw})

    def _open(self) -> Worker:
        if self._worker is None:
            worker = Worker(self._command or self._usual_command(), self._estimator.title)
            ready = worker.receive(TO_BEGIN_SECONDS)
            self._version = f"{ready.get('ready')} {ready.get('version')}"
            self._worker = worker
        return self._worker

    def _usual_command(self) -> list[str]:
        if not self._estimator.is_there:
            raise MissingDependency(
                f"the check {self.name!r} needs {self._estimator.title} in an environment of its own "
                f"({self._estimator.licence}). Make it: {self._estimator.how_to_install()}"
            )
        script = files("passerelle.data").joinpath("workers").joinpath("learned_scorer.py")
        return [str(self._estimator.python), str(script), self.name, self._estimator.model]


def _is_sound(scores: object, count: int) -> bool:
    return (
        isinstance(scores, list)
        and len(scores) == count
        and all(isinstance(score, int | float) and math.isfinite(score) for score in scores)
    )
