"""Entries of the memory whose source text is like another text."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from passerelle.errors import MissingDependency, to_install
from passerelle.translation.memory.entries import ORIGINS_BY_RANK, Entry
from passerelle.translation.memory.memory import TranslationMemory

_COMPARED_AT_ONCE = 5000


@dataclass(frozen=True)
class Match:
    """An entry and how like its source text is, from 0 to 100; 100 is the same text."""

    score: float
    entry: Entry


def similar(
    memory: TranslationMemory, text: str, source: str, target: str, *, limit: int = 5, least_score: float = 60.0
) -> list[Match]:
    """Find the entries whose source text is most like a text, letter by letter.

    The score is rapidfuzz's ``ratio``: 100 times one minus the insertions and deletions that turn one text
    into the other, divided by the length of both. Every entry of the two languages is compared, a page at a
    time, so that the time grows with the memory and the room doesn't.

    Args:
        memory: The memory.
        text: The text to look for.
        source: BCP-47 code.
        target: BCP-47 code.
        limit: How many to return at most.
        least_score: What is less alike is left out.

    Returns:
        The best first; of equal scores the higher origin first, then the younger entry.

    Raises:
        MissingDependency: rapidfuzz isn't installed.
        StorageError: The memory can't be read.
    """
    best: list[Match] = []
    entries = memory.entries(source, target)
    while page := list(islice(entries, _COMPARED_AT_ONCE)):
        best = heapq.nlargest(limit, [*best, *_matches(text, page, least_score)], key=_preference)
    return best


def _matches(text: str, page: list[Entry], least_score: float) -> Iterator[Match]:
    try:
        from rapidfuzz import fuzz, process
    except ImportError as missing:
        raise MissingDependency(
            f"rapidfuzz isn't installed. Install it with: {to_install('demo', 'rapidfuzz')}"
        ) from missing
    sources = [entry.source for entry in page]
    for _, score, row in process.extract_iter(text, sources, scorer=fuzz.ratio, score_cutoff=least_score):
        yield Match(round(score, 1), page[row])


def _preference(match: Match) -> tuple[float, int, str]:
    return match.score, ORIGINS_BY_RANK.index(match.entry.origin), match.entry.created
