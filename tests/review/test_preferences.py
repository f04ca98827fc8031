"""Win rates and Bradley-Terry strengths against hand-worked cases; automatic scores beside them."""

from __future__ import annotations

import math

import pytest

from passerelle.review.findings.ranking import Duel, rank, spearman, win_rates


def duels(first: str, second: str, wins: int, ties: int, losses: int) -> list[Duel]:
    outcomes = [1.0] * wins + [0.5] * ties + [0.0] * losses
    return [Duel(first, second, outcome, f"{first}{second}{n}") for n, outcome in enumerate(outcomes)]


def test_two_arms_have_the_log_odds_of_their_wins() -> None:
    table = rank(duels("a", "b", 300, 0, 100), resamples=200)
    assert [standing.arm for standing in table] == ["a", "b"]
    apart = table[0].strength.value - table[1].strength.value
    assert apart == pytest.approx(math.log(3), abs=0.01)  # the prior tie pulls a little
    assert table[0].strength.low < table[0].strength.value < table[0].strength.high
    # The interval of a log odds: 1.96 · sqrt(1/300 + 1/100) on either side; half of it for each arm.
    assert table[0].strength.high - table[0].strength.low == pytest.approx(
        1.96 * math.sqrt(1 / 300 + 1 / 100), rel=0.25
    )


def test_a_tie_is_half_a_win_for_each() -> None:
    with_ties = rank(duels("a", "b", 50, 100, 50), resamples=50)
    assert with_ties[0].strength.value == pytest.approx(0, abs=1e-3)
    strengths = {s.arm: s.strength.value for s in rank(duels("a", "b", 60, 40, 20), resamples=50)}
    assert strengths["a"] - strengths["b"] == pytest.approx(math.log(80 / 40), abs=0.02)


def test_three_arms_are_ordered_through_each_other() -> None:
    # a beats b as 3:1, b beats c as 3:1; a and c never met.
    strengths = {
        s.arm: s.strength.value
        for s in rank([*duels("a", "b", 300, 0, 100), *duels("c", "b", 100, 0, 300)], resamples=50)
    }
    assert strengths["a"] - strengths["c"] == pytest.approx(2 * math.log(3), abs=0.05)
    assert sum(strengths.values()) == pytest.approx(0, abs=1e-9)


def test_an_arm_that_always_won_has_a_finite_strength() -> None:
    table = rank(duels("a", "b", 20, 0, 0), resamples=50)
    assert all(math.isfinite(s.strength.value) and math.isfinite(s.strength.high) for s in table)
    assert rank([]) == []


def test_win_rate_is_the_same_from_either_side() -> None:
    mixed = [*duels("a", "b", 6, 2, 0), *duels("b", "a", 2, 0, 0)]
    (found,) = win_rates(mixed)
    assert (found.first, found.second, found.wins, found.ties, found.losses) == ("a", "b", 6, 2, 2)
    assert found.rate.value == pytest.approx(70)
    assert 30 < found.rate.low < 70 < found.rate.high <= 100


def test_several_judgments_of_one_picture_dont_narrow_the_interval() -> None:
    single = win_rates([Duel("a", "b", float(n % 3 > 0), str(n)) for n in range(30)])[0].rate
    copied = win_rates([Duel("a", "b", float(n % 3 > 0), str(n)) for n in range(30) for _ in range(5)])[0].rate
    # A little wider, for not knowing beforehand that they are alike.
    assert copied.low < single.low < single.high < copied.high
    assert copied.high - copied.low < 1.1 * (single.high - single.low)


def test_correlation_needs_three_different_values() -> None:
    assert spearman([1, 2, 3], [10, 30, 20]) == pytest.approx(0.5)
    assert spearman([1, 2, 3], [1, 2, 2]) == spearman([1, 2, 2], [1, 2, 3]) == pytest.approx(math.sqrt(0.75))
    assert math.isnan(spearman([1, 2, 3], [1, 1, 1]))
    assert math.isnan(spearman([1, 2], [1, 2]))
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3]))
