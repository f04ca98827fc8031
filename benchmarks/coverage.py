"""How often 95% intervals hold the truth when questions share pictures: simulated, so that the truth is known.

Each picture has a difficulty of its own, which its questions share; several ways of scoring are tried.

Run: python benchmarks/coverage.py [--trials 2000]
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from passerelle.evaluation.benchmarks.pope import f1
from passerelle.evaluation.statistics.shares import share, share_difference
from passerelle.evaluation.statistics.significance import (
    Statistic,
    cluster_bootstrap,
    corpus_of,
    mean_of,
    paired_difference,
)

SPREAD = 1.0
"""Standard deviation of the pictures' difficulty, in probits."""

CENTRE = 0.4
"""Mean difficulty, in probits: about 61% right."""


def draw(
    generator: np.random.Generator, pictures: int, per_picture: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw what two systems get right [questions], which share the pictures' difficulty."""
    difficulty = np.repeat(generator.normal(CENTRE, SPREAD, pictures), per_picture)
    first = generator.random(len(difficulty)) < norm.cdf(difficulty)
    second = generator.random(len(difficulty)) < norm.cdf(difficulty - 0.2)
    return first, second


def mean_share(shift: float) -> float:
    """Return the true share of right answers."""
    return float(norm.cdf((CENTRE - shift) / np.sqrt(1 + SPREAD**2)))


def simulate(
    kind: str, *, pictures: int, per_picture: int, trials: int, resamples: int, seed: int, clustered: bool = True
) -> float:
    """Return the share of trials whose interval holds the truth.

    Args:
        kind: ``share`` and ``share difference`` as reports have them; ``mean`` and ``difference``, the same by the
            bootstrap; ``f1``.
        pictures: How many pictures.
        per_picture: Questions about each.
        trials: How many tests are drawn.
        resamples: Of each bootstrap.
        seed: Of the draws.
        clustered: Whether pictures are drawn, or questions.
    """
    generator, held = np.random.default_rng(seed), 0
    for trial in range(trials):
        first, second = draw(generator, pictures, per_picture)
        labels = [str(i // per_picture if clustered else i) for i in range(len(first))]
        if kind.endswith("difference"):
            truth = mean_share(0.0) - mean_share(0.2)
            found = (
                share_difference(first, second, labels)
                if kind == "share difference"
                else paired_difference(mean_of(first), mean_of(second), labels, resamples=resamples, seed=trial)
            )
            held += found.low <= truth <= found.high
            continue
        statistic: Statistic = mean_of(first)
        truth = mean_share(0.0)
        if kind == "f1":
            # Half of the questions deserve a yes; right answers say what is deserved.
            yes = np.arange(len(first)) % 2 == 0
            table = np.stack([first & yes, ~first & ~yes, ~first & yes], axis=1)
            statistic, truth = corpus_of(table, f1), 100 * truth
        interval = (
            share(first, labels)
            if kind == "share"
            else cluster_bootstrap(statistic, labels, resamples=resamples, seed=trial)
        )
        held += interval.low <= truth <= interval.high
    return held / trials


def main() -> None:
    """Simulate and print the coverages as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    found = {
        f"{kind}, {pictures} pictures × {per} questions": simulate(
            kind, pictures=pictures, per_picture=per, trials=trials, resamples=1000, seed=1
        )
        for kind in ("share", "mean", "share difference", "difference", "f1")
        for pictures, per in ((8, 4), (25, 4), (100, 4), (300, 5), (300, 2))
    }
    print(json.dumps({"trials": trials, "coverage": found}))


if __name__ == "__main__":
    main()
