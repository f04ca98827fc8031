"""The contract of a benchmark: rows become items, items are asked, answers become measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from passerelle.errors import InputError
from passerelle.evaluation.statistics.significance import Statistic
from passerelle.formats.values.missing import is_missing
from passerelle.records import Answer, Origin

Kind = Literal["choice", "yes-no", "open", "caption", "chat"]
Parser = Literal["", "published", "localised"]
Direction = Literal["higher", "none"]
Picture = str | bytes | None
"""A path relative to the image folder, the file's content, or nothing."""

PARSERS: tuple[Parser, ...] = ("localised", "published")


class BadItem(InputError):
    """A row that can't be asked: the rest is, and the gap is stated."""


@dataclass(frozen=True)
class Item:
    """One question of a benchmark, with all that scoring it needs.

    Attributes:
        id: Unique in its benchmark and the same in every language, so that answers can be paired.
        question: The question's own text.
        language: Its language, ISO 639-1.
        picture: Its picture; see `Picture`. Once read, the picture's key.
        options: The options of a choice; (yes, no) for yes/no.
        correct: Place of the right option.
        references: Right answers in words.
        hint: Context that is shown before the question.
        subtask: The part of the benchmark that it belongs to.
        group: What is right or wrong together: an MMBench question in all its rotations, a picture's pair in MME.
        origin: How the text came to be.
        extra: What only its own benchmark knows of.
    """

    id: str
    question: str
    language: str
    picture: Picture = None
    options: tuple[str, ...] = ()
    correct: int | None = None
    references: tuple[str, ...] = ()
    hint: str = ""
    subtask: str = ""
    group: str = ""
    origin: Origin = "native"
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Decision:
    """What people or a model say of an answer that rules couldn't read.

    Attributes:
        by: Who says so, as signatures name it.
        says: Place of the option that the answer names, of yes and no 0 and 1; ``None`` where it names none.
        right: Whether the answer is right, where that is what was asked; it then goes before `says`.
    """

    by: str
    says: int | None = None
    right: bool | None = None


@dataclass(frozen=True)
class DecidedAnswer(Answer):
    """An answer that somebody read where rules couldn't."""

    decision: Decision = field(default_factory=lambda: Decision(""))


@dataclass(frozen=True)
class Unread:
    """Which of the generated answers that a figure rests on couldn't be read.

    Attributes:
        flags: Whether each couldn't [answers].
        clusters: The picture of each [answers].
    """

    flags: tuple[bool, ...]
    clusters: tuple[str, ...]


@dataclass(frozen=True)
class Measure:
    """One metric over the units of a benchmark, before intervals.

    Attributes:
        metric: Its name.
        statistic: The figure as a function of draws of the units.
        units: What is counted: ids of questions or of groups; the same in every system.
        clusters: The picture of each unit.
        definition: How it is computed, for the signature.
        parser: How answers were read: ``published``, ``localised``, or none was needed.
        subtask: Part of the benchmark; empty for all.
        right: Whether each unit was right, where the figure is the share that was.
        scores: What each unit scored, within `bounds`, where the figure is the mean of that and units may be right in
            part.
        chosen: What was said to each unit, in a form that is the same in every language; ``None``: unmatched.
        unmatched: How many answers couldn't be read; they count as wrong, but aren't counted in fidelity.
        unit: ``%`` or the metric's own points.
        direction: ``higher`` is better, or ``none`` for diagnostics.
        bounds: Range of the figure.
        headline: Whether it is the one that the benchmark is known by, by each parser.
        counted: Which units the share that was right is of; ``None``: all.
        unread: Which answers couldn't be read; ``None`` where none had to be.
    """

    metric: str
    statistic: Statistic
    units: tuple[str, ...]
    clusters: tuple[str, ...]
    definition: str
    parser: Parser = ""
    subtask: str = ""
    right: tuple[bool, ...] | None = None
    chosen: tuple[Any, ...] | None = None
    unmatched: int = 0
    unit: str = "%"
    direction: Direction = "higher"
    bounds: tuple[float, float] = (0.0, 100.0)
    headline: bool = False
    counted: tuple[bool, ...] | None = None
    unread: Unread | None = None
    scores: tuple[float, ...] | None = None

    @property
    def scored(self) -> tuple[float, ...] | None:
        """What each unit scored, right or wrong ones too; ``None`` where the figure isn't the mean of that."""
        if self.scores is not None or self.right is None:
            return self.scores
        return tuple(self.bounds[right] for right in self.right)


Read = Callable[[Mapping[str, Any], str], list[Item]]
"""Makes items of one row in a language; raises `BadItem`."""

Score = Callable[[Sequence[Item], Sequence[Answer], str, str], list[Measure]]
"""Scores answers to items; then the method, ``generate`` or a scoring rule, and whose published rules, empty for the
benchmark's own."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    Attributes:
        name: What ``--benchmark`` calls it.
        title: For people.
        kind: What is asked for.
        require: Fields that each row has; a file is recognised by them.
        read: Makes items of a row.
        score: Makes measures of answers.
        source: Where rows and rules are published.
        max_new_tokens: Longest answer.
        rules: Names of the published rules that it can be scored by; the first are its own.
        prompt: Key of the instruction behind the question among a language's `instructions`; empty for none.
        metrics: What it may be known by, its own first; empty: by its own alone.
        complete: What to do when all rows were read, for example add rotations; gets the method.
    """

    name: str
    title: str
    kind: Kind
    require: tuple[str, ...]
    read: Read
    score: Score
    source: str
    max_new_tokens: int = 16
    prompt: str = ""
    rules: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    complete: Callable[[list[Item], str], list[Item]] = lambda items, method: items


def text_of(row: Mapping[str, Any], *names: str) -> str:
    """Return the first of several fields that has a text; empty if none has."""
    for name in names:
        value = row.get(name)
        if not is_missing(value):
            return str(value).strip()
    return ""


def needed(row: Mapping[str, Any], *names: str) -> str:
    """Return a field's text.

    Raises:
        BadItem: There is none.
    """
    if text := text_of(row, *names):
        return text
    raise BadItem(f"no {' or '.join(names)}")


def picture_of(row: Mapping[str, Any], *names: str) -> Picture:
    """Return a row's picture: a path, bytes, base64, or an image that `datasets` decoded."""
    for name in names or ("image", "image_path", "picture"):
        value = row.get(name)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, bytes) and value:
            return value
        if hasattr(value, "save"):
            return _encoded(value)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None


def _encoded(image: Any) -> bytes:
    import io

    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
