"""chrF of single texts (Popović 2015), as sacrebleu computes it: one place where its metric object is kept."""

from __future__ import annotations

from functools import cache
from math import log2
from typing import Any

LOST_AT, LOST_MORE, LOST_MOST = 12.5, 17.5, 65.0
"""chrF to a human reference below which a translation counts as lost: for a text of one word, more for each doubling of
its words, and never more than. Chosen on half of 300 pairs that were read (``benchmarks/audit``)."""
LOST = "lost: chrF to the human reference below 12.5 + 17.5 log2(the text's words), at most 65"
"""The definition, in words."""


def lost_below(text: str) -> float:
    """Return the chrF (0..100) to one human translation below which a translation of a text counts as lost.

    Of a word there are several good translations that share few letters, of a sentence hardly any.

    Args:
        text: The text that was translated.
    """
    return min(LOST_MOST, LOST_AT + LOST_MORE * log2(max(1, len(text.split()))))


def is_lost(text: str, translation: str, reference: str) -> bool:
    """Say whether a text's translation counts as lost beside a human one."""
    return sentence_chrf(translation, reference) < lost_below(text)


@cache
def _metric() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


@cache
def sentence_chrf(text: str, reference: str) -> float:
    """Return sentence chrF2, 0..100."""
    return float(_metric().sentence_score(text, [reference]).score)


def corpus_chrf(texts: list[str], references: list[str]) -> float:
    """Return corpus chrF2, 0..100."""
    return float(_metric().corpus_score(texts, [references]).score)
