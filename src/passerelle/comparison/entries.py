"""The parts of a comparison's YAML: a file of conversations, a test, how machine text is screened, sizes of data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from passerelle.config import Settings
from passerelle.errors import unknown
from passerelle.quality.base import TEXT_KINDS
from passerelle.records import Origin

Answers = Literal["generate", "sum", "mean", "pmi", "pmi-mean"]


class DataEntry(Settings):
    """A file of conversations.

    Attributes:
        path: JSON, JSONL or Parquet, as `passerelle adapt` reads it, or ``example:NAME``; ``{language}`` in it
            stands for the target's code.
        images: Folder of its pictures [the file's].
        images_anywhere: Take pictures that lie outside of that folder, too.
        origin: How its text came to be [``native`` for English, ``human-translation`` otherwise].
        weight: How often its samples are drawn, relative to those of other files.
    """

    path: str = Field(min_length=1)
    images: Path | None = None
    images_anywhere: bool = False
    origin: Origin | None = None
    weight: float = Field(default=1.0, gt=0)


class TestEntry(Settings):
    """A benchmark that every arm is asked.

    Attributes:
        benchmark: As `passerelle evaluate --benchmark` takes it, with ``{language}`` in its path; ``example:NAME`` may
            stand for a path.
        name: What results call it [the benchmark's own name].
        machine: Whether the English file's translation by the engine is asked too, beside what people wrote; or
            ``only``, where nobody wrote the test in the language.
        fields: Places of its texts, for a translation of rows in a format that isn't known.
        images: Folder of its pictures [that of the file].
        images_anywhere: Take pictures that lie outside of that folder, too.
        answers: How options are chosen [as the comparison says].
        english: Whether English is asked too.
        prompt: By language what is asked where rows have no question, in place of the benchmark's own instruction.
        max_new_tokens: Longest answer [the benchmark's own].
        limit: Only so many questions, the first ones.
        pictures: Only the questions about so many pictures, the first ones.
        rules: Whose rules raw scores are by: ``lmms-eval``, ``vlmevalkit`` or ``authors`` [the benchmark's own].
        metric: What it is known by, and arms are compared by: of captions ``chrf`` [the benchmark's own].
    """

    benchmark: str = Field(min_length=1)
    name: str = Field(default="", pattern=r"^$|^[A-Za-z0-9][\w .-]*$")
    machine: bool | Literal["only"] = False
    fields: tuple[str, ...] = ()
    images: Path | None = None
    images_anywhere: bool = False
    answers: Answers | None = None
    english: bool = True
    prompt: dict[str, str] = {}
    max_new_tokens: int | None = Field(default=None, ge=1)
    limit: int | None = Field(default=None, ge=1)
    pictures: int | None = Field(default=None, ge=1)
    rules: Literal["", "lmms-eval", "vlmevalkit", "authors"] = ""
    metric: str = ""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return {"benchmark": given} if isinstance(given, str) else given


class QualitySettings(Settings):
    """What becomes of machine-translated training data before arms with a ``screen`` learn from it.

    Attributes:
        keep_share: Share of the rows that the gate keeps; the random control keeps as many.
        good: Texts whose estimated probability is at least this aren't repaired.
        calibration: File of the estimate that judges [the one that ships]; ``out-of-fold`` fits it anew on the
            example's captions, so that none is judged by an estimate that saw its human version.
    """

    keep_share: float = Field(default=0.6, gt=0, le=1)
    good: float = Field(default=0.7, ge=0, le=1)
    calibration: str = ""


@dataclass(frozen=True)
class Screen:
    """What an arm's machine text goes through before the arm learns from it.

    Attributes:
        how: ``gate``: the best rows are kept; ``random``: as many are drawn; ``repair``: texts get better translations.
        only: Kinds of texts that are repaired, in the order of `TEXT_KINDS`; none: all.
    """

    how: str
    only: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of what it makes, in results and names of folders: ``repair-answer``."""
        return "-".join((self.how, *self.only))


def read_screen(given: Any) -> Screen | None:
    """Return what an arm's ``screen`` says: its name, ``{repair: [KIND, …]}``, or nothing.

    Raises:
        ValueError: It is no screen, or no kind of text.
    """
    if not given:
        return None
    if isinstance(given, dict):
        if set(given) != {"repair"}:
            raise ValueError(f"only repair can be of some kinds of texts, as {{repair: [answer]}}, unlike {given!r}.")
        kinds = given["repair"]
        if not isinstance(kinds, list | tuple) or not kinds:
            raise ValueError(f"screen: repair takes a list of kinds of texts, as [answer], not {kinds!r}.")
        for kind in kinds:
            if kind not in TEXT_KINDS:
                raise ValueError(unknown("kind of text", str(kind), TEXT_KINDS))
        return Screen("repair", tuple(kind for kind in TEXT_KINDS if kind in kinds))
    if given not in _SCREENS:
        raise ValueError(unknown("screen", str(given), _SCREENS))
    return Screen(given)


_SCREENS = ("gate", "random", "repair")
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmM]?)")


def read_sizes(given: Any) -> tuple[int, ...]:
    """Return the numbers of examples that a list of sizes means.

    Args:
        given: Numbers, or texts like ``1k``, ``2.5k``, ``1M``.

    Raises:
        ValueError: It is no such list, or the sizes don't rise.
    """
    if not isinstance(given, list | tuple):
        raise ValueError(f"budgets is a list of numbers of examples, as [1k, 10k, 100k], not {given!r}.")
    sizes = tuple(_read_size(each) for each in given)
    if any(before >= after for before, after in pairwise(sizes)):
        raise ValueError(f"budgets rise from one to the next, unlike {list(given)}.")
    return sizes


def _read_size(given: Any) -> int:
    found = _WRITTEN.fullmatch(str(given).strip()) if not isinstance(given, bool) else None
    size = float(found[1]) * _UNITS[found[2].lower()] if found else 0
    if size < 1 or size != int(size):
        raise ValueError(f"a budget is a number of examples from 1 on, as 500, 1k or 1.5M, not {given!r}.")
    return int(size)


Sizes = Annotated[tuple[int, ...], BeforeValidator(read_sizes)]
"""Numbers of examples, rising."""


def share_of(whole: int, size: int, largest: int, least: int) -> int:
    """Return how much of what the largest size gets a smaller one does, at least `least`; 0 of 0."""
    return max(least, round(whole * size / largest)) if whole else 0
