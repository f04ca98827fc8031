"""Caption quality by corpus chrF (Popović 2015), with per-item counts that a bootstrap can sum anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passerelle.errors import InputError

FloatArray = NDArray[np.float64]
CHARACTERS = 6
"""Longest character n-gram, sacrebleu's default; no word n-grams, so chrF2 and not chrF++."""

BETA = 2
"""Weight of recall against precision."""


@dataclass(frozen=True)
class Chrf:
    """A corpus score.

    Attributes:
        score: 0..100.
        signature: sacrebleu's, with its version.
    """

    score: float
    signature: str


def corpus_chrf(hypotheses: Sequence[str], references: Sequence[str]) -> Chrf:
    """Score captions against one reference each, by sacrebleu.

    Raises:
        InputError: If there isn't one reference for each caption, or there are none.
    """
    from sacrebleu.metrics.chrf import CHRF

    _check(hypotheses, references)
    metric = CHRF(char_order=CHARACTERS, beta=BETA)
    score = metric.corpus_score(list(hypotheses), [list(references)])
    return Chrf(float(score.score), f"{score.name}|{metric.get_signature()}")


def chrf_statistics(hypotheses: Sequence[str], references: Sequence[str]) -> FloatArray:
    """Count character n-grams.

    Returns:
        [captions, 3 * CHARACTERS]: for each order the n-grams of the caption, of the reference, and in both.

    Raises:
        InputError: If there isn't one reference for each caption, or there are none.
    """
    _check(hypotheses, references)
    rows = [_counts(*pair) for pair in zip(hypotheses, references, strict=True)]
    return np.array(rows, dtype=np.float64)


def best_chrf_statistics(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> FloatArray:
    """Count character n-grams against the reference that fits each caption best, as sacrebleu does with several.

    Args:
        hypotheses: Captions.
        references: At least one reference for each.

    Returns:
        [captions, 3 * CHARACTERS], as `chrf_statistics`.

    Raises:
        InputError: If a caption has no reference, or there are none.
    """
    if not hypotheses or len(hypotheses) != len(references) or not all(references):
        raise InputError(f"{len(hypotheses)} captions against {len(references)} lists of references, none may be empty")
    rows = []
    for hypothesis, texts in zip(hypotheses, references, strict=True):
        table = np.array([_counts(hypothesis, text) for text in texts], dtype=np.float64)
        rows.append(table[int(np.argmax(chrf_from_sums(table)))])
    return np.array(rows)


def chrf_from_sums(sums: FloatArray) -> FloatArray:
    """Compute chrF (0..100) from summed counts [..., 3 * CHARACTERS], as sacrebleu does (effective order).

    Precision and recall are averaged over the orders that occur on both sides, and the F-score is taken once.
    """
    said, wanted, both = (sums[..., start::3] for start in range(3))
    occurs = (said > 0) & (wanted > 0)
    orders = np.maximum(occurs.sum(axis=-1), 1)
    precision = np.where(occurs, both / np.maximum(said, 1), 0.0).sum(axis=-1) / orders
    recall = np.where(occurs, both / np.maximum(wanted, 1), 0.0).sum(axis=-1) / orders
    divisor = BETA**2 * precision + recall
    top = 100 * (1 + BETA**2) * precision * recall
    scores: FloatArray = np.divide(top, divisor, out=np.zeros_like(divisor), where=divisor > 0)
    return scores


def chrf_signature() -> str:
    """Give sacrebleu's signature without scoring."""
    return corpus_chrf(["a"], ["a"]).signature


def _counts(hypothesis: str, reference: str) -> list[int]:
    row = []
    for order in range(1, CHARACTERS + 1):
        said, wanted = _ngrams(hypothesis, order), _ngrams(reference, order)
        # sacrebleu leaves a caption's n-grams out where its reference is too short to have any.
        row += [said.total() if wanted else 0, wanted.total(), (said & wanted).total()]
    return row


def _ngrams(text: str, order: int) -> Counter[str]:
    letters = "".join(text.split())
    return Counter(letters[i : i + order] for i in range(len(letters) - order + 1))


def _check(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    if not hypotheses or len(hypotheses) != len(references):
        raise InputError(
            f"{len(hypotheses)} captions against {len(references)} references: "
            "give one reference for each caption, and at least one"
        )
