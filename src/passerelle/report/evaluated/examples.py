"""Questions of an evaluation with their pictures and what each model said: unread ones, disputed ones, wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from passerelle.errors import InputError
from passerelle.pictures.thumbnails import Thumbnail, keep_picture, make_thumbnail
from passerelle.report.parse import as_list, as_text
from passerelle.report.wording import whole
from passerelle.runs import content_hash

MOST = 24
"""Questions that a page shows."""
LONGEST = 400
"""Characters of an answer that it shows."""
HEADINGS = {
    "unread": "couldn't be read",
    "disagree": "models disagree",
    "wrong": "wrong",
    "right": "right",
    "unjudged": "neither right nor wrong",
}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class SaidTo:
    """What a model said to a question; `is_right` is ``None`` where that isn't told answer by answer."""

    system: str
    text: str
    is_right: bool | None
    unread: str


@dataclass(frozen=True)
class Asked:
    """A question.

    Attributes:
        id: Its benchmark and id.
        benchmark: The benchmark, with the language of the question.
        language: Of the question.
        question: What was asked.
        options: What it had to choose from.
        correct: Place of the right one; ``None`` without options.
        reference: A right answer, where there are no options.
        thumbnail: The picture, made small; ``None`` where there is none or it is missing.
        said: What each model said.
        outcome: A key of `HEADINGS`.
    """

    id: str
    benchmark: str
    language: str
    question: str
    options: tuple[str, ...]
    correct: int | None
    reference: str
    thumbnail: Thumbnail | None
    said: tuple[SaidTo, ...]
    outcome: str


def asked_in(answers: Sequence[Row], folder: Path, *, keep: bool, most: int = MOST) -> list[Asked]:
    """Choose questions of each test in turn: of each kind of outcome as many, as far as there are.

    Args:
        answers: The rows of ``answers.jsonl``; those of the first seeds are shown.
        folder: The folder of the results; no picture outside of it is read, unless it is kept there first.
        keep: Whether to keep small copies of the pictures in `folder`.
        most: How many questions.
    """
    questions: dict[tuple[str, str, str], list[Row]] = {}
    for row in answers:
        is_turned = row.get("group") and row.get("kind") == "choice" and row.get("group") != row.get("id")
        if row.get("seed") == 1 and not is_turned:
            where = as_text(row.get("benchmark")), as_text(row.get("language")), as_text(row.get("id"))
            questions.setdefault(where, []).append(row)
    kinds: dict[tuple[str, str, str], list[list[Row]]] = {}
    for (name, code, _), rows in questions.items():
        kinds.setdefault((_outcome(rows), name, code), []).append(rows)
    ordered = [rows for kind in HEADINGS for key, rows in kinds.items() if key[0] == kind]
    chosen = [rows for turn in zip_longest(*ordered) for rows in turn if rows is not None]
    return [_asked(rows, folder, keep) for rows in _other_pictures_first(chosen)[:most]]


def _other_pictures_first(questions: Sequence[list[Row]]) -> list[list[Row]]:
    """Put questions about pictures that were shown already behind those about others."""
    seen: dict[str, int] = {}
    turns = []
    for number, rows in enumerate(questions):
        picture = as_text(rows[0].get("picture"))
        seen[picture] = seen.get(picture, 0) + 1 if picture else 1
        turns.append((seen[picture], number))
    return [questions[number] for _, number in sorted(turns)]


def _outcome(rows: Sequence[Row]) -> str:
    if any(row.get("unread") for row in rows):
        return "unread"
    right = {row.get("right") for row in rows} - {None}
    if len(right) > 1:
        return "disagree"
    return {True: "right", False: "wrong"}.get(next(iter(right), None), "unjudged")  # type: ignore[arg-type]


def _asked(rows: Sequence[Row], folder: Path, keep: bool) -> Asked:
    first = rows[0]
    options = tuple(as_text(option) for option in as_list(first.get("options")))
    correct = first.get("correct")
    place = correct if isinstance(correct, int) and 0 <= correct < len(options) else None
    name, code = as_text(first.get("benchmark"), "unnamed"), as_text(first.get("language"))
    return Asked(
        id=f"{name} {as_text(first.get('id'))}",
        benchmark=f"{name} ({code})",
        language=code,
        question=as_text(first.get("prompt")),
        options=options,
        correct=place,
        reference="" if options else next(map(as_text, as_list(first.get("references"))), ""),
        thumbnail=_thumbnail(as_text(first.get("picture")), folder, keep),
        said=tuple(_said(rows, options)),
        outcome=_outcome(rows),
    )


def _said(rows: Sequence[Row], options: Sequence[str]) -> Iterator[SaidTo]:
    for row in rows:
        right = row.get("right")
        text = _clipped(as_text(row.get("text"))) or _picked(row, options)
        is_right = right if isinstance(right, bool) else None
        yield SaidTo(as_text(row.get("system"), "unnamed"), text, is_right, as_text(row.get("unread")))


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({whole(len(text))} characters)"


def _picked(row: Row, options: Sequence[str]) -> str:
    """Return the option that was found likeliest, where nothing was written."""
    read = as_text(row.get("read"))
    if read in ("true", "false") and len(options) > 1:
        return options[read == "false"]
    return options[int(read)] if read.isdigit() and int(read) < len(options) else ""


def _thumbnail(picture: str, folder: Path, keep: bool) -> Thumbnail | None:
    if not picture:
        return None
    identifier = content_hash(picture)[:16]
    if keep:
        try:
            keep_picture(Path(picture), folder, identifier)
        except InputError:  # it is gone, or no picture: its question is shown without it
            return None
    return make_thumbnail(folder, f"pictures/{identifier}.jpg")
