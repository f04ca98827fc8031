"""The best of each pool of candidates by a scorer alone, with nothing that judges it."""

from __future__ import annotations

from collections.abc import Sequence

from passerelle.quality.repair.candidates import Candidate
from passerelle.quality.repair.choose import Scorer


def choose(sources: Sequence[str], pools: Sequence[Sequence[Candidate]], scorer: Scorer) -> list[Candidate]:
    """Return the best candidate of each pool; the first of equals.

    Raises:
        ValueError: A pool is empty.
        RunError: A check that the scorer asks failed.
    """
    scored = scorer.scores(sources, pools)
    return [pool[max(range(len(pool)), key=scores.__getitem__)] for pool, scores in zip(pools, scored, strict=True)]
