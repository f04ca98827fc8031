"""Put corrected texts into a translated data set: only what they touch changes, every other row keeps its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from passerelle.errors import InputError
from passerelle.formats.base import Format, Row
from passerelle.formats.saving import save
from passerelle.quality.aligning import Files
from passerelle.quality.pairs import aligned
from passerelle.review.putting_back.corrections import memory_pairs
from passerelle.translation.dataset.engines import open_engines
from passerelle.translation.dataset.job import Job
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.protection.options import find_collision
from passerelle.translation.protection.safe import Outcome
from passerelle.translation.protection.segments import Segment, cut

PLACE = tuple[int, str]
"""Number of a row of the translation, and the place of a text in it. Ids of rows may be there twice."""


@dataclass(frozen=True)
class Retranslated:
    """What became of a translated data set.

    Attributes:
        rows: Rows of the data set.
        touched: Rows that have a corrected text, or a sentence that was corrected elsewhere.
        changed: Rows of them whose text became another.
        texts: The new texts, by row and place.
        refused: Touched rows of which the engine can't keep a text whole, where only what was corrected became new;
            and rows of which two options would have become the same, which stayed as they were.
    """

    rows: int
    touched: int
    changed: int
    texts: Mapping[PLACE, str] = field(default_factory=dict)
    refused: int = 0


@dataclass(frozen=True)
class _Touched:
    """A row that something touches.

    Attributes:
        ours: The row of the source.
        theirs: Its translation.
        own: Corrected texts, by place.
        places: Places whose text has a corrected sentence, to be translated again.
    """

    ours: Row
    theirs: Row
    own: Mapping[str, str]
    places: frozenset[str]


def retranslate(
    job: Job,
    translated: Path,
    corrected: Mapping[str, str],
    fixed: Mapping[PLACE, str] | None = None,
    left_out: frozenset[int] = frozenset(),
) -> Retranslated:
    """Write a translated data set again, with corrected texts wherever they stand.

    A text that was corrected becomes its correction in every row that holds it. One that has a corrected sentence
    among others is translated again, with the memory; so are all texts of a row of whose options one changes, since
    they may name it. All others stay as they are.

    Args:
        job: The data set, the engine and the memory; `job.out` is written.
        translated: Its translation as it is now.
        corrected: Corrections by source text; the memory has them too.
        fixed: Texts that stand in one place, whatever the text there is elsewhere.
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
    touched, order = _touched(job, data_format, translated, corrected, fixed or {}, left_out)
    outcomes: dict[int, dict[str, str]] = {}
    refused = 0
    for row, found in zip(touched, _translated(job, touched), strict=True):
        outcomes[row.theirs.number], is_whole = _new_texts(row, found)
        refused += not is_whole
    rows = ((Row(number, name, (), ()), outcomes.get(number, {})) for number, name in order)
    save(data_format, translated, job.out, rows)
    texts = {(number, place): text for number, new in outcomes.items() for place, text in new.items()}
    return Retranslated(len(order), len(touched), sum(bool(new) for new in outcomes.values()), texts, refused)


def _new_texts(row: _Touched, found: Mapping[str, Outcome]) -> tuple[dict[str, str], bool]:
    """Return the texts of a row that become others, and whether these are all that were to."""
    made = {place: found[place].text for place in row.places}
    is_whole = None not in made.values()
    new = dict(row.own) | ({place: text for place, text in made.items() if text is not None} if is_whole else {})
    there = {text.place: text.text for text in row.theirs.fields}
    if _collide(row.ours, {**there, **new}) and not _collide(row.ours, there):
        return {}, False
    return {place: text for place, text in new.items() if there.get(place) != text}, is_whole


def _collide(ours: Row, texts: Mapping[str, str]) -> bool:
    """Say whether options that differ in the source are the same in a translation of it, given by place."""
    options = {text.text: texts[text.place] for text in ours.fields if text.kind == "option" and text.place in texts}
    return find_collision(options) is not None


def _translated(job: Job, touched: Sequence[_Touched]) -> list[dict[str, Outcome]]:
    """Translate what is to be translated again, each row with its options; no engine is opened for nothing."""
    if not any(row.places for row in touched):
        return [{} for _ in touched]
    wanted = [
        [text for text in row.ours.fields if row.places and (text.place in row.places or text.kind == "option")]
        for row in touched
    ]
    with TranslationMemory(job.memory) as memory:
        engines = open_engines(job, memory, job.open_glossary())
        try:
            return engines.safe.translate_rows(wanted)
        finally:
            engines.close()


def _touched(
    job: Job, data_format: Format, translated: Path, corrected: Mapping[str, str], fixed: Mapping[PLACE, str],
    left_out: frozenset[int],
) -> tuple[list[_Touched], list[tuple[int, str]]]:  # fmt: skip
    """Return the rows that something touches, and number and id of all rows of the translation."""
    codes = job.source_language, job.target_language
    pairs = [pair for source, text in corrected.items() for pair in memory_pairs(source, text, *codes)]
    sentences = {source for source, _ in pairs}
    found = aligned(Files(job.source, translated), data_format, left_out)
    alone = [(row.number, row.id) for row in found.unpaired if row.side == "translation"]
    order = sorted([*alone, *((theirs.number, theirs.id) for _, theirs in found.pairs)])
    rows = (_touch(ours, theirs, corrected, fixed, sentences, job.source_language) for ours, theirs in found.pairs)
    return [row for row in rows if row.own or row.places], order


def _touch(
    ours: Row, theirs: Row, corrected: Mapping[str, str], fixed: Mapping[PLACE, str], sentences: set[str], language: str
) -> _Touched:
    """Say what of a row is touched."""
    own = {
        text.place: fixed.get((theirs.number, text.place), corrected.get(text.text, ""))
        for text in ours.fields
        if (theirs.number, text.place) in fixed or text.text in corrected
    }
    places = {
        text.place
        for text in ours.fields
        if sentences and text.place not in own and _sentences(text.text, language) & sentences
    }
    if any(text.kind == "option" and (text.place in own or text.place in places) for text in ours.fields):
        places = {text.place for text in ours.fields if text.place not in own}
    return _Touched(ours, theirs, own, frozenset(places))


def _sentences(text: str, language: str) -> set[str]:
    return {text, *(item.source for item in cut(text, language) if isinstance(item, Segment))}
