"""Power, standard errors and paired tests against statsmodels and scipy."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint

from passerelle.evaluation.benchmarks.base import Measure
from passerelle.evaluation.statistics.figures import compare_measures, corrected, figure_of
from passerelle.evaluation.statistics.power import detectable, detectable_between, detectable_by
from passerelle.evaluation.statistics.significance import (
    cluster_bootstrap,
    holm_adjust,
    mcnemar,
    mean_of,
    restricted,
    standard_error,
)

GENERATOR = np.random.default_rng(7)


def measure(right, clusters=None):
    units = tuple(map(str, range(len(right))))
    values = 100.0 * np.asarray(right, dtype=float)
    return Measure("accuracy", mean_of(values), units, tuple(clusters or units), "m", right=tuple(map(bool, right)))


@pytest.mark.parametrize(("n", "deviation", "power"), [(100, 1.0, 0.8), (400, 0.7, 0.9), (50, 2.0, 0.5)])
def test_smallest_difference_is_statsmodels(n, deviation, power):
    effect = NormalIndPower(ddof=0).solve_power(nobs1=n, alpha=0.05, power=power, ratio=0)
    assert detectable(deviation / math.sqrt(n), power=power) == pytest.approx(effect * deviation, rel=2e-3)


def test_a_difference_of_that_size_is_found_four_times_in_five():
    smallest, found, trials = detectable(1.0), 0, 4000
    for value in GENERATOR.normal(smallest, 1.0, trials):
        found += abs(value) > norm.ppf(0.975)
    assert found / trials == pytest.approx(0.8, abs=0.02)


def test_standard_error_is_the_binomials_for_independent_items():
    right = GENERATOR.random(900) < 0.7
    share = right.mean()
    found = standard_error(mean_of(right), [str(i) for i in range(900)])
    assert found == pytest.approx(math.sqrt(share * (1 - share) / 900), rel=0.05)
    assert detectable_by(mean_of(right), [str(i) for i in range(900)]) == pytest.approx(
        detectable(found) * math.sqrt(2)
    )
    assert math.isnan(standard_error(mean_of([1.0, 0.0]), ["a", "a"]))


def test_paired_systems_can_show_smaller_differences():
    first = GENERATOR.random(600) < 0.7
    second = np.where(GENERATOR.random(600) < 0.05, ~first, first)
    clusters = [str(i) for i in range(600)]
    assert detectable_between(mean_of(first), mean_of(second), clusters) < 0.5 * detectable_by(mean_of(first), clusters)


def test_interval_is_near_wilsons_for_independent_items():
    right = GENERATOR.random(500) < 0.6
    found = cluster_bootstrap(mean_of(right), [str(i) for i in range(500)])
    low, high = proportion_confint(int(right.sum()), 500, method="wilson")
    assert (found.low, found.high) == (pytest.approx(low, abs=0.012), pytest.approx(high, abs=0.012))


@pytest.mark.parametrize("seed", range(5))
def test_mcnemar_and_holm_are_statsmodels(seed):
    generator = np.random.default_rng(seed)
    first, second = generator.random(80) < 0.7, generator.random(80) < 0.6
    found = mcnemar(first.tolist(), second.tolist())
    table = [[int((first & second).sum()), found.only_first], [found.only_second, int((~first & ~second).sum())]]
    assert found.p == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
    values = generator.random(7).tolist()
    assert holm_adjust(values) == pytest.approx(multipletests(values, method="holm")[1].tolist())


def test_comparison_carries_interval_mcnemar_and_power():
    first, second = measure([1, 1, 1, 1, 0, 1] * 20), measure([1, 0, 1, 0, 0, 1] * 20)
    found = compare_measures([first], [second], names=("a", "b"), benchmark="x", language="fr")
    assert found.difference == pytest.approx(100 * 2 / 6)
    assert (found.only_first, found.only_second) == (40, 0)
    assert found.low > 0 and found.p < 0.01 and found.mcnemar_p < 1e-9
    assert [c.holm_p for c in corrected([found, found])] == pytest.approx([2 * found.p, 2 * found.p])


def test_identical_systems_do_not_differ():
    one = measure([1, 0, 1, 1])
    found = compare_measures([one], [one], names=("a", "b"), benchmark="x", language="fr")
    assert (found.difference, found.p, found.mcnemar_p, found.detectable) == (0, 1, 1, 0)


def test_clustered_questions_widen_the_interval():
    right = np.repeat(GENERATOR.random(60) < 0.5, 5)
    clusters = [f"p{i // 5}" for i in range(300)]
    apart = figure_of([measure(right)], system="s", benchmark="b", language="fr", missing=0)
    together = figure_of([measure(right, clusters)], system="s", benchmark="b", language="fr", missing=0)
    assert together.high - together.low > 1.8 * (apart.high - apart.low)
    assert "|n:300|clusters:60|missing:0|" in together.signature


def test_a_figure_of_some_items_takes_their_draws_only():
    some = restricted(mean_of([1.0, 3.0]), [0, 2])
    assert some(np.array([[1.0, 5.0, 1.0], [3.0, 0.0, 1.0]])).tolist() == [2.0, 1.5]
