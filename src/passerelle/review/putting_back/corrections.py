"""What experts wrote, as it goes into the data: corrections of translations, and texts of their own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from passerelle.review.findings.judged import Judged
from passerelle.review.store.parts import fitted
from passerelle.translation.protection.segments import Segment, cut


@dataclass(frozen=True)
class Correction:
    """A better translation of one text.

    Attributes:
        row: Id of its row.
        place: Where in the row.
        source: What was translated.
        machine: The translation that was corrected.
        text: The correction.
        experts: How many wrote a correction of it.
        agreeing: How many wrote this one.
    """

    row: str
    place: str
    source: str
    machine: str
    text: str
    experts: int
    agreeing: int


@dataclass(frozen=True)
class Native:
    """What an expert wrote about a picture.

    Attributes:
        row: Id of the row whose picture it is.
        place: Where in it the caption stands.
        source: That caption in the source language.
        field: What that text is in its data set.
        picture: Key of the picture.
        texts: ``caption``, and ``question`` with ``answer`` where there is one.
        expert: Who wrote it.
    """

    row: str
    place: str
    source: str
    field: str
    picture: str | None
    texts: dict[str, str]
    expert: str


def corrections_of(judged: Sequence[Judged]) -> list[Correction]:
    """Return the corrections, one for each text: the one that most experts wrote, the latest of equals."""
    by_item: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        if written_in(one):
            by_item[one.item].append(one)
    found = []
    for given in by_item.values():
        order = sorted(given, key=_when)
        counts = Counter({one.expert: written_in(one) for one in order}.values())
        texts = [written_in(one) for one in order]
        best = max(counts, key=lambda text: (counts[text], _last(texts, text)))
        first = given[0]
        source, where = first.shown["source"], (first.hidden["row"], first.hidden["place"])
        found.append(
            Correction(*where, source, first.shown["translation"], fitted(source, best), counts.total(), counts[best])
        )
    return found


def written_in(one: Judged) -> str:
    """Return the correction in a judgment; empty where it has none, or says what stood there."""
    text = str(one.content.get("correction", "")).strip()
    is_one = one.task == "translation" and not one.is_attention and text != one.shown["translation"].strip()
    return text if is_one else ""


def _when(one: Judged) -> tuple[float, int]:
    return (one.finished.timestamp() if one.finished else 0.0, one.occasion)


def _last(texts: Sequence[str], text: str) -> int:
    return max(index for index, one in enumerate(texts) if one == text)


def natives_of(judged: Sequence[Judged]) -> list[Native]:
    """Return what experts wrote about pictures."""
    found = []
    for one in judged:
        written = {name: str(one.content.get(name, "")).strip() for name in ("caption", "question", "answer")}
        texts = {name: text for name, text in written.items() if text}
        if one.task == "write" and texts and not one.content.get("skipped"):
            hidden: dict[str, Any] = one.hidden
            where = hidden["row"], hidden["place"], hidden["source"], hidden.get("field", "caption")
            found.append(Native(*where, one.picture, texts, one.expert))
    return found


def memory_pairs(source: str, text: str, source_language: str, target_language: str) -> list[tuple[str, str]]:
    """Return a corrected text as the memory keeps it: sentence by sentence, as engines are asked.

    Where the sentences of both don't correspond, or have protected parts, the text is kept as a whole: it is found
    by whoever asks for the whole text, and `review apply` puts it in its row itself.
    """
    ours, theirs = cut(source, source_language), cut(text, target_language)
    first, second = ([item for item in items if isinstance(item, Segment)] for items in (ours, theirs))
    is_alike = [isinstance(item, Segment) for item in ours] == [isinstance(item, Segment) for item in theirs]
    if first and is_alike and not any(segment.parts for segment in (*first, *second)):
        return [(one.source, other.source) for one, other in zip(first, second, strict=True)]
    return [(source, text)]
