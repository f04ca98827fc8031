"""How alike two texts of one language are, in letters and in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from passerelle.evaluation.metrics.captions import chrf_from_sums, chrf_statistics

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Return a text's words in lower case, without punctuation."""
    return _WORD.findall(text.lower())


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> NDArray[np.float64]:
    """Return chrF (0..1) of each text against its reference; case and the blanks around don't count.

    An empty text is as unlike as can be, and NaN against an empty reference.
    """
    if not hypotheses:
        return np.empty(0)
    lower = [[text.strip().lower() for text in side] for side in (hypotheses, references)]
    scores = chrf_from_sums(chrf_statistics(*lower)) / 100
    empty = np.array([not text for text in lower[1]])
    return np.where(empty, np.nan, scores)


def word_overlap(text: str, reference: str) -> float:
    """Return F1 (0..1) of the words that two texts share; NaN where neither has a word."""
    one, other = Counter(words(text)), Counter(words(reference))
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else float("nan")
