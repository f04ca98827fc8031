"""Which arm experts prefer: win rates, and Bradley-Terry strengths with ties, both with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from passerelle.errors import MissingDependency, to_install
from passerelle.evaluation.statistics.shares import mean_within
from passerelle.evaluation.statistics.significance import FloatArray, Interval, Statistic, cluster_bootstrap

RESAMPLES = 500
PRIOR = 0.5
"""Weight of a tie between every two arms that is added, so that an arm that won always has a finite strength."""


@dataclass(frozen=True)
class Duel:
    """One judgment about two arms.

    Attributes:
        first: An arm.
        second: Another.
        outcome: 1 if the first is better, 0 if the second is, 0.5 for a tie.
        cluster: The picture.
    """

    first: str
    second: str
    outcome: float
    cluster: str


@dataclass(frozen=True)
class Standing:
    """An arm in the ranking.

    Attributes:
        arm: Its name.
        strength: Natural logarithm of its Bradley-Terry strength; the arms' mean is 0. Two arms that differ by 1
            win against each other as 73 to 27.
        duels: How many judgments it was in.
    """

    arm: str
    strength: Interval
    duels: int


@dataclass(frozen=True)
class WinRate:
    """How often one arm was preferred to another, ties counted half, 0..100."""

    first: str
    second: str
    rate: Interval
    wins: int
    ties: int
    losses: int


def rank(duels: Sequence[Duel], resamples: int = RESAMPLES) -> list[Standing]:
    """Rank arms by Bradley-Terry, in which a tie is half a win for each; the strongest first.

    Intervals come from a bootstrap over pictures.

    Args:
        duels: The judgments.
        resamples: How often pictures are drawn.

    Raises:
        MissingDependency: evalica isn't installed.
    """
    arms = sorted({arm for duel in duels for arm in (duel.first, duel.second)})
    if not duels:
        return []
    fit = _Fit(duels, arms)
    clusters = [duel.cluster for duel in duels]
    table = [
        Standing(
            arm,
            cluster_bootstrap(fit.statistic(place), clusters, resamples=resamples),
            sum(arm in (duel.first, duel.second) for duel in duels),
        )
        for place, arm in enumerate(arms)
    ]
    return sorted(table, key=lambda standing: -standing.strength.value)


class _Fit:
    """Strengths of all arms in each resample, each resample fitted once for all arms."""

    def __init__(self, duels: Sequence[Duel], arms: Sequence[str]) -> None:
        try:
            import evalica
        except ImportError as error:
            raise MissingDependency(f"ranking needs evalica: {to_install('review')}") from error
        self._evalica, self._arms = evalica, list(arms)
        self._index = evalica.indexing(list(arms), list(arms))[2]
        winner = {1.0: evalica.Winner.X, 0.0: evalica.Winner.Y, 0.5: evalica.Winner.Draw}
        prior = list(combinations(arms, 2))
        self._first = [duel.first for duel in duels] + [one for one, _ in prior]
        self._second = [duel.second for duel in duels] + [other for _, other in prior]
        self._winners = [winner[duel.outcome] for duel in duels] + [evalica.Winner.Draw] * len(prior)
        self._prior = [PRIOR] * len(prior)
        self._known: dict[bytes, FloatArray] = {}

    def statistic(self, place: int) -> Statistic:
        """Make an arm's strength a statistic."""
        return lambda draws: np.array([self._strengths(row)[place] for row in draws])

    def _strengths(self, weights: FloatArray) -> FloatArray:
        key = weights.tobytes()
        if key not in self._known:
            result = self._evalica.bradley_terry(
                self._first,
                self._second,
                self._winners,
                index=self._index,
                weights=[*weights.tolist(), *self._prior],
                limit=1000,
            )
            logs = np.log(result.scores.reindex(self._arms).to_numpy(dtype=np.float64))
            self._known[key] = logs - logs.mean()
        return self._known[key]


def win_rates(duels: Sequence[Duel]) -> list[WinRate]:
    """Return how often each arm was preferred to each other one that it met, with intervals over pictures."""
    met: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for duel in duels:
        straight = duel.first < duel.second
        key = (duel.first, duel.second) if straight else (duel.second, duel.first)
        met.setdefault(key, []).append((duel.outcome if straight else 1 - duel.outcome, duel.cluster))
    rates = []
    for (first, second), results in sorted(met.items()):
        outcomes = np.array([outcome for outcome, _ in results])
        interval = mean_within(100 * outcomes, [cluster for _, cluster in results], (0.0, 100.0))
        counts = [int((outcomes == value).sum()) for value in (1.0, 0.5, 0.0)]
        rates.append(WinRate(first, second, interval, *counts))
    return rates


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Spearman's rank correlation; NaN for fewer than three values, or where one side is all the same."""
    if len(one) < 3 or len(set(one)) < 2 or len(set(other)) < 2:
        return math.nan
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)
