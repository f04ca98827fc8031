"""Pairs that are right by definition: their translation is the one that lexicon and phrasebook have."""

from __future__ import annotations

from functools import lru_cache

from passerelle.languages.phrasebook import Phrasebook, alike
from passerelle.quality.base import Pair
from passerelle.translation.protection.known import KnownSentences


def known_translation(pair: Pair, phrasebook: Phrasebook | None = None) -> str | None:
    """Return the translation of a pair's source that lexicon and phrasebook have; ``None`` if they lack a sentence.

    Args:
        pair: The pair.
        phrasebook: Of the pair's languages; the one that ships if ``None``.
    """
    return _translation(pair.source, pair.source_language, pair.target_language, phrasebook)


def is_known(pair: Pair, phrasebook: Phrasebook | None = None) -> bool:
    """Whether a pair's translation is the known one; no-break spaces and apostrophes may differ."""
    known = known_translation(pair, phrasebook)
    return known is not None and alike(known) == alike(pair.target)


@lru_cache(maxsize=4096)
def _translation(text: str, source: str, target: str, phrasebook: Phrasebook | None) -> str | None:
    return _sentences(source, target, phrasebook).translate(text)


@lru_cache(maxsize=8)
def _sentences(source: str, target: str, phrasebook: Phrasebook | None) -> KnownSentences:
    return KnownSentences(source, target, phrasebook=phrasebook)
