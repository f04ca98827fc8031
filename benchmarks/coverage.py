"""How often 95% intervals hold the truth when questions share pictures: simulated, so that the truth is known.

Each picture has a difficulty of its own, which its questions share; several ways of scoring are tried.

Run: python -m benchmarks.coverage [--trials 2000] prints JSON; with --edges [--write benchmarks/README.md] it prints,
or writes into the page, a table of shares and of means of answers that are right in part: from 4 to 400, at the edges.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.audit.tables import put
from passerelle.evaluation.benchmarks.pope import f1
from passerelle.evaluation.statistics.shares import mean_within, share_difference
from passerelle.evaluation.statistics.significance import (
    Interval,
    PairedDifference,
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
            mean_within(first, labels, (0.0, 1.0))
            if kind == "share"
            else cluster_bootstrap(statistic, labels, resamples=resamples, seed=trial)
        )
        held += interval.low <= truth <= interval.high
    return held / trials


SIZES = (4, 10, 30, 100, 400)
TRUTHS = (0.0, 0.02, 0.5, 1.0)


class Layout(NamedTuple):
    """How a test is laid out.

    Attributes:
        times: Questions for each of n.
        a_picture: Questions a picture.
        parts: In how many parts an answer may be right.
        systems: 1: its mean; 2: the difference of two that are equally good.
    """

    times: int
    a_picture: int
    parts: int = 1
    systems: int = 1


LAYOUTS = {
    "n questions, each of its own picture": Layout(1, 1),
    "n questions, four a picture": Layout(1, 4),
    "n pictures, four questions each": Layout(4, 4),
    "right in thirds, n pictures": Layout(1, 1, 3),
    "right in thirds, n pictures, four questions each": Layout(4, 4, 3),
    "difference, n pictures": Layout(1, 1, 1, 2),
    "difference, n pictures, four questions each": Layout(4, 4, 1, 2),
}


def edge(size: int, truth: float, layout: str, *, trials: int, seed: int = 1) -> tuple[float, float]:
    """Simulate means whose truth may lie at an edge, or differences of two such.

    Args:
        size: n.
        truth: The true mean, 0 to 1.
        layout: One of `LAYOUTS`.
        trials: How many tests are drawn; at 0 and 1 all are the same, and one is.
        seed: Of the draws.

    Returns:
        The share of trials whose interval holds the truth, and the intervals' mean width.
    """
    how = LAYOUTS[layout]
    pictures = np.arange(size * how.times) // how.a_picture
    labels, generator = [str(picture) for picture in pictures], np.random.default_rng(seed)
    trials = trials if 0 < truth < 1 else 1
    held, width = 0, 0.0
    for _ in range(trials):
        spread = generator.normal(0.0, SPREAD, pictures[-1] + 1)[pictures]
        chance = norm.cdf(norm.ppf(truth) * np.sqrt(1 + SPREAD**2) + spread)
        scores = (generator.random((how.systems, how.parts, len(pictures))) < chance).mean(axis=1)
        found: Interval | PairedDifference = (
            mean_within(scores[0], labels, (0.0, 1.0)) if how.systems == 1 else share_difference(*scores, labels)
        )
        wanted = truth if how.systems == 1 else 0.0
        held += found.low - 1e-12 <= wanted <= found.high + 1e-12
        width += found.high - found.low
    return held / trials, width / trials


def edges_table(trials: int) -> Iterator[str]:
    """Yield the lines of a Markdown table: for every size and truth, coverage and width by layout, in percent."""
    yield f"| n | true mean, % | {' | '.join(LAYOUTS)} |"
    yield "|---" * (2 + len(LAYOUTS)) + "|"
    for size, truth in product(SIZES, TRUTHS):
        found = (edge(size, truth, layout, trials=trials) for layout in LAYOUTS)
        cells = (f"{100 * held:.1f} ({100 * width:.1f})" for held, width in found)
        yield f"| {size} | {100 * truth:g} | {' | '.join(cells)} |"


def main() -> None:
    """Simulate, and print the coverages as JSON or the table of the edges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--edges", action="store_true", help="the table from 4 to 400")
    parser.add_argument("--write", type=Path, help="page that holds the table")
    given = parser.parse_args()
    trials = given.trials
    if given.edges or given.write:
        table = "\n".join(edges_table(trials))
        if given.write:
            put(given.write, "coverage", table)
        else:
            print(table)
        return
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
