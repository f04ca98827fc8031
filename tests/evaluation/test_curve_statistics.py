"""Curves over sizes of data: steps and crossings against a hand count, intervals against a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from passerelle.evaluation.statistics.curves import BEFORE, BEYOND, Curve, crossing_of
from passerelle.evaluation.statistics.significance import Statistic, mean_of


@pytest.mark.parametrize(
    ("gaps", "place"),
    [
        ([1, 2, 3], BEFORE),
        ([0, 0, 0], BEFORE),
        ([-3, -2, -1], BEYOND),
        ([-2, 2, 2], 10**1.5),  # half the way from 10 to 100 on the logarithm
        ([-1, -1, 3], 10**2.25),
        ([-2, 2, -2], BEYOND),  # it doesn't stay there
        ([1, -2, 2], 10**2.5),
    ],
)
def test_a_crossing_is_where_a_curve_comes_to_stay(gaps: list[float], place: float) -> None:
    assert crossing_of([10, 100, 1000], np.array(gaps, dtype=float)) == pytest.approx(place)


def curve_of(rates: list[float], seeds: int, generator: np.random.Generator, spread: float) -> tuple[Curve, Statistic]:
    """Draw a curve of 60 questions in 30 pictures whose seeds have rates of their own, and a level at 50%."""
    clusters = [str(number // 2) for number in range(60)]
    easy = np.repeat(generator.normal(0, 0.1, 30), 2)

    def asked(rate: float) -> Statistic:
        return mean_of(100.0 * (generator.random(60) < np.clip(rate + easy, 0, 1)))

    drawn = [[asked(rate + shift) for shift in generator.normal(0, spread, seeds)] for rate in rates]
    return Curve.of([10, 100, 1000], drawn, clusters), asked(0.5)


def test_steps_are_differences_and_the_interval_holds_the_spread_of_seeds() -> None:
    clusters = [str(number) for number in range(40)]
    values = np.random.default_rng(3).random((3, 40)) * 100
    equal = Curve.of([1, 2], [[mean_of(values[0])] * 3, [mean_of(values[1])] * 3], clusters)
    (step,) = equal.steps()
    assert step.value == pytest.approx(values[1].mean() - values[0].mean())
    one = Curve.of([1, 2], [[mean_of(values[0])], [mean_of(values[1])]], clusters).steps()[0]
    assert (step.low, step.high) == (pytest.approx(one.low), pytest.approx(one.high)), "seeds that are alike are one"
    shifts = (-20, 0, 20)
    seeds = [[mean_of(values[0])] * 3, [mean_of(values[1] + shift) for shift in shifts]]
    (wide,) = Curve.of([1, 2], seeds, clusters).steps()
    assert wide.value == pytest.approx(step.value)
    assert wide.high - wide.low > step.high - step.low + 10


def test_crossings_say_where_their_interval_ends() -> None:
    clusters = [str(number) for number in range(200)]
    right = np.random.default_rng(5).random(200) * 100
    level = mean_of(np.full(200, right.mean()))
    far = Curve.of([10, 100, 1000], [[mean_of(right - gap)] for gap in (40, 30, 20)], clusters).crossing(level)
    assert (far.value, far.low, far.high, far.share) == (BEYOND, BEYOND, BEYOND, 0.0)
    assert far.last.value == pytest.approx(-20) and far.last.high < 0
    near = Curve.of([10, 100, 1000], [[mean_of(right - gap)] for gap in (20, 10, 0.5)], clusters).crossing(level)
    assert near.value == BEYOND and near.high == BEYOND and 100 < near.low < 1000 and 0.3 < near.share < 0.5
    met = Curve.of([10, 100, 1000], [[mean_of(right - gap)] for gap in (20, -20, -30)], clusters).crossing(level)
    assert met.value == pytest.approx(10**1.5) and met.low < met.value < met.high < 100 and met.share == 1.0


def test_the_interval_of_a_step_holds_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(7)
    rates, held = [0.3, 0.4, 0.5], 0
    for _ in range(60):
        curve, _ = curve_of(rates, 3, generator, spread=0.05)
        step = curve.steps()[-1]
        held += step.low <= 10 <= step.high
    assert held >= 51, f"{held} of 60: 95% intervals miss more than three times as often as they should"


def test_the_interval_of_a_crossing_holds_the_truth() -> None:
    generator = np.random.default_rng(11)
    held = 0
    for _ in range(40):
        curve, level = curve_of([0.25, 0.4, 0.6], 3, generator, spread=0.05)  # it crosses 50% half way to 1000
        found = curve.crossing(level)
        assert found.low <= found.value <= found.high or math.isinf(found.value)
        held += found.low <= 10**2.5 <= found.high
    assert held >= 34
