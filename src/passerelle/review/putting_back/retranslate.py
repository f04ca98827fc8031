"""Translate again only the rows that corrections touch; every other row keeps its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from passerelle.errors import InputError
from passerelle.formats.base import BadRow, Format, Row
from passerelle.formats.saving import save
from passerelle.translation.dataset.engines import open_engines
from passerelle.translation.dataset.job import Job
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.protection.segments import Segment, cut

PLACE = tuple[str, str]
"""Id of a row, and the place of a text in it."""


@dataclass(frozen=True)
class Retranslated:
    """What became of a translated data set.

    Attributes:
        rows: Rows of the data set.
        touched: Rows that have a corrected text, or a sentence that was corrected elsewhere.
        changed: Rows of them whose text became another.
        texts: The new texts, by row and place.
        refused: Touched rows that the engine can't keep whole; they stay as they were.
    """

    rows: int
    touched: int
    changed: int
    texts: Mapping[PLACE, str] = field(default_factory=dict)
    refused: int = 0


def retranslate(
    job: Job, translated: Path, sources: set[str], fixed: Mapping[PLACE, str], left_out: frozenset[int] = frozenset()
) -> Retranslated:
    """Write a translated data set again, with new translations of the rows that something touches.

    Args:
        job: The data set, the engine and the memory; `job.out` is written.
        translated: Its translation as it is now.
        sources: Source sentences whose translation in the memory was corrected.
        fixed: Texts that stand in one place whatever the engine says.
        left_out: Numbers of rows of the source that have no translation.

    Raises:
        InputError: The two files don't belong together, or the output is one of them.
        EngineStopped: The engine can't go on.
        StorageError: The disk is full, or a file can't be written.
    """
    job.check()
    if job.out.resolve() == translated.resolve():
        raise InputError(f"{str(translated)!r} is the translation itself: give another --out.")
    data_format = job.open_format()
    touched, order = _touched(job, data_format, translated, sources, fixed, left_out)
    outcomes: dict[int, dict[str, str]] = {}
    refused = 0
    with TranslationMemory(job.memory) as memory:
        engines = open_engines(job, memory, job.open_glossary())
        try:
            found = engines.safe.translate_rows([ours.fields for ours, _ in touched])
        finally:
            engines.close()
    for (ours, theirs), places in zip(touched, found, strict=True):
        own = {text.place: fixed[ours.id, text.place] for text in ours.fields if (ours.id, text.place) in fixed}
        made = {place: outcome.text for place, outcome in places.items() if place not in own}
        if any(text is None for text in made.values()):
            refused += 1
            made = {}
        new = {**{place: text for place, text in made.items() if text is not None}, **own}
        there = {text.place: text.text for text in theirs.fields}
        outcomes[theirs.number] = {place: text for place, text in new.items() if there.get(place) != text}
    rows = ((Row(number, name, (), ()), outcomes.get(number, {})) for number, name in order)
    save(data_format, translated, job.out, rows)
    names = {theirs.number: theirs.id for _, theirs in touched}
    texts = {(names[number], place): text for number, new in outcomes.items() for place, text in new.items()}
    return Retranslated(len(order), len(touched), sum(bool(new) for new in outcomes.values()), texts, refused)


def _touched(
    job: Job, data_format: Format, translated: Path, sources: set[str], fixed: Mapping[PLACE, str],
    left_out: frozenset[int],
) -> tuple[list[tuple[Row, Row]], list[tuple[int, str]]]:  # fmt: skip
    """Return the rows to translate again with their translation, and number and id of all rows of the translation."""
    ours = (row for row in _good(data_format, job.source) if row.number not in left_out)
    touched, order = [], []
    for theirs in _good(data_format, translated):
        one = next(ours, None)
        if one is None:
            raise InputError(f"{str(translated)!r} has more rows than {str(job.source)!r}.")
        order.append((theirs.number, theirs.id))
        if any((one.id, text.place) in fixed for text in one.fields) or (
            sources and any(_sentences(text.text, job.source_language) & sources for text in one.fields)
        ):
            touched.append((one, theirs))
    return touched, order


def _good(data_format: Format, path: Path) -> Iterator[Row]:
    for row in data_format.rows(path):
        if isinstance(row, BadRow):
            raise InputError(f"{path}, row {row.number}: {row.reason}: {row.detail}.")
        yield row


def _sentences(text: str, language: str) -> set[str]:
    return {text, *(item.source for item in cut(text, language) if isinstance(item, Segment))}
