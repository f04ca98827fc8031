"""chrF of single texts (Popović 2015), as sacrebleu computes it: one place where its metric object is kept."""

from __future__ import annotations

from functools import cache
from typing import Any

LOST_BELOW = 40.0
"""A translation whose chrF to the human reference is below this counts as degraded."""


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
