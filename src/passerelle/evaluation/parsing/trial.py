"""Answers whose meaning is known, to see how well a language's file reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from passerelle.errors import InputError, unknown
from passerelle.evaluation.parsing.localised import option_of, same_answer, yes_or_no
from passerelle.evaluation.parsing.published import LETTERS
from passerelle.evaluation.rows import BrokenRow, read_answers
from passerelle.evaluation.statistics.shares import Share, share
from passerelle.languages.codes import language as known_language

Kind = Literal["yes_no", "letter", "open"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_MEANINGS: dict[str, tuple[str | bool | None, ...]] = {"yes_no": ("yes", "no", None), "open": (True, False)}
_ALSO: dict[str, tuple[str, ...]] = {"letter": ("options",), "open": ("reference",)}


@dataclass(frozen=True)
class Labelled:
    """An answer and what it means.

    Attributes:
        kind: Of the question.
        question: What was asked.
        answer: What was said.
        meaning: ``"yes"``, ``"no"`` or a letter, ``None`` where the answer answers nothing; of an open answer, whether
            it is the same as `reference`.
        options: Texts of the options, where the question has some.
        reference: The right answer of an open question.
    """

    kind: Kind
    question: str
    answer: str
    meaning: str | bool | None
    options: tuple[str, ...] = ()
    reference: str = ""

    def read(self, language: str) -> str | bool | None:
        """Read the answer as answers of a language are read."""
        if self.kind == "yes_no":
            return yes_or_no(self.answer, language, self.question)
        if self.kind == "letter":
            place = option_of(self.answer, self.options, language)
            return None if place is None else LETTERS[place]
        return same_answer(self.answer, self.reference, language, self.question)


@dataclass(frozen=True)
class Tried:
    """How a language's labelled answers are read.

    Attributes:
        language: BCP-47.
        right: The share that is read right, by kind and of ``all``, with its 95% interval and how many there are.
        misread: Answers that are read otherwise, and as what.
        nothing: How many answer nothing.
        taken: How many of these are read as an answer.
    """

    language: str
    right: dict[str, tuple[Share, int]]
    misread: tuple[tuple[Labelled, str | bool | None], ...]
    nothing: int
    taken: int


def read_labelled(file: Path) -> list[Labelled]:
    """Read labelled answers: rows of ``kind``, ``question``, ``answer``, ``meaning``, ``options`` or ``reference``.

    Raises:
        InputError: The file, or a row of it, can't be read.
    """
    found = []
    for number, row in enumerate(read_answers(file), 1):
        try:
            if isinstance(row, BrokenRow):
                raise row
            found.append(_labelled(row))
        except InputError as error:
            raise InputError(f"{str(file)!r}, row {number}: {error}") from None
    if not found:
        raise InputError(f"{str(file)!r} holds no answers.")
    return found


def _labelled(row: Mapping[str, Any]) -> Labelled:
    for key in ("kind", "answer", "meaning", *_ALSO.get(str(row.get("kind")), ())):
        if key not in row:
            raise InputError(f"no {key!r}.")
    if row["kind"] not in KINDS:
        raise InputError(unknown("kind", row["kind"], KINDS))
    options = tuple(map(str, row.get("options") or ()))
    meaning = row["meaning"]
    allowed = _MEANINGS.get(str(row["kind"]), (*LETTERS[: len(options)], None))
    if not any(meaning is each or (isinstance(each, str) and meaning == each) for each in allowed):
        raise InputError(f"'meaning' is {meaning!r}: give one of {', '.join(map(_said, allowed))}.")
    question, reference = str(row.get("question") or ""), str(row.get("reference") or "")
    return Labelled(row["kind"], question, str(row["answer"]), meaning, options, reference)


def _said(value: str | bool | None) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value)


def try_answers(answers: Sequence[Labelled], code: str) -> Tried:
    """Read labelled answers as those of a language are read, and compare.

    Args:
        answers: At least one.
        code: The language.

    Raises:
        ConfigError: No such language, or how its answers are read isn't known.
    """
    language = known_language(code).bcp47
    read = [(each, each.read(language)) for each in answers]
    silent = [(each, as_what) for each, as_what in read if each.meaning is None]
    return Tried(
        language,
        shares_of(read),
        tuple((each, as_what) for each, as_what in read if as_what != each.meaning),
        len(silent),
        sum(as_what is not None for _, as_what in silent),
    )


def shares_of(read: Sequence[tuple[Labelled, object]]) -> dict[str, tuple[Share, int]]:
    """Return the share that a reader reads right, by kind and of ``all``, and how many answers there are.

    Args:
        read: Answers, and what each was read as.
    """
    found = {}
    for kind in (*KINDS, "all"):
        right = [float(as_what == each.meaning) for each, as_what in read if kind in (each.kind, "all")]
        if right:
            found[kind] = (share(right, [str(place) for place in range(len(right))]), len(right))
    return found


def lines_of(tried: Tried) -> Iterator[str]:
    """Say how a language's answers are read, in lines."""
    for kind, (each, count) in tried.right.items():
        right = round(each.value * count)
        yield f"{kind:8} {right} of {count} read right: {_percent(each)}"
    if tried.nothing:
        yield f"nothing  {tried.taken} of {tried.nothing} that answer nothing are taken for an answer"
    for answer, as_what in tried.misread:
        about = (
            f" {' / '.join(answer.options)}" if answer.options else f" {answer.reference}" if answer.reference else ""
        )
        yield f"misread  {answer.question}{about} → {answer.answer!r} is {_said(answer.meaning)}, read {_said(as_what)}"


def _percent(found: Share) -> str:
    return f"{100 * found.value:.0f}% [{100 * found.low:.0f}, {100 * found.high:.0f}]"
