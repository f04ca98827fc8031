"""Shares and their differences hold the truth at the edges too: counted exactly, simulated, against statsmodels."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm
from statsmodels.stats.proportion import proportion_confint

from passerelle.errors import InputError
from passerelle.evaluation.benchmarks.base import Item, Measure
from passerelle.evaluation.benchmarks.scoring import mean_measure, ratio_of
from passerelle.evaluation.statistics.figures import compare_measures, figure_of
from passerelle.evaluation.statistics.shares import mean_within, share, share_difference
from passerelle.evaluation.statistics.significance import auc_of, corpus_of, mean_of


def apart(count):
    return [str(number) for number in range(count)]


def of(hits, items):
    return [1.0] * hits + [0.0] * (items - hits)


def measure(right, clusters, counted=None):
    statistic = mean_of(100.0 * np.asarray(right, dtype=float))
    if counted is not None:
        table = np.array([(r and c, c) for r, c in zip(right, counted, strict=True)], dtype=float)
        statistic = corpus_of(table, ratio_of(0, [1]))
    return Measure("m", statistic, tuple(apart(len(right))), tuple(clusters), "d", right=tuple(right), counted=counted)


@pytest.mark.parametrize(("hits", "items"), [(0, 4), (4, 4), (1, 4), (3, 10), (0, 400), (399, 400), (200, 400)])
def test_independent_items_have_clopper_and_pearsons_interval(hits, items):
    found = share(of(hits, items), apart(items))
    assert (found.value, found.low, found.high) == pytest.approx(
        (hits / items, *proportion_confint(hits, items, method="beta"))
    )
    assert found.error > 0


@pytest.mark.parametrize("items", [4, 10, 30, 100, 400])
@pytest.mark.parametrize("truth", [0.0, 0.02, 0.5, 1.0])
def test_the_truth_is_held_in_95_of_100_tests_counted_exactly(items, truth):
    held = [found.low <= truth <= found.high for found in (share(of(k, items), apart(items)) for k in range(items + 1))]
    assert binom.pmf(range(items + 1), items, truth) @ held >= 0.95


@pytest.mark.parametrize("pictures", [5, 20, 100])
@pytest.mark.parametrize("truth", [0.02, 0.5])
def test_pictures_with_several_questions_that_share_their_difficulty(pictures, truth):
    generator, trials, held = np.random.default_rng(pictures), 400, 0
    for _ in range(trials):
        difficulty = np.repeat(generator.normal(norm.ppf(truth) * math.sqrt(2), 1.0, pictures), 4)
        right = generator.random(4 * pictures) < norm.cdf(difficulty)
        found = share(right, [str(place // 4) for place in range(4 * pictures)])
        held += found.low <= truth <= found.high
    assert held / trials >= 0.93


@pytest.mark.parametrize("pictures", [4, 10, 50])
@pytest.mark.parametrize(("first", "second"), [(0.5, 0.5), (0.9, 0.7), (0.02, 0.02)])
def test_differences_hold_the_truth_with_few_pictures(pictures, first, second):
    generator, trials, held = np.random.default_rng(3), 400, 0
    for _ in range(trials):
        luck = generator.random((2, 2 * pictures))
        luck[1] = np.where(generator.random(2 * pictures) < 0.5, luck[0], luck[1])  # half of the items: paired
        clusters = [str(place // 2) for place in range(2 * pictures)]
        found = share_difference(luck[0] < first, luck[1] < second, clusters)
        held += found.low - 1e-12 <= first - second <= found.high + 1e-12
    assert held / trials >= 0.93


def test_equal_systems_are_told_apart_in_at_most_5_of_100():
    generator, trials, found = np.random.default_rng(5), 600, 0
    for _ in range(trials):
        difficulty = norm.cdf(generator.normal(size=12))[:, None]
        one, other = ((generator.random((12, 4)) < difficulty).ravel() for _ in range(2))
        found += share_difference(one, other, [str(place // 4) for place in range(48)]).p < 0.05
    assert found / trials <= 0.065


def test_four_right_against_four_wrong_is_no_proof():
    found = share_difference([1.0] * 4, [0.0] * 4, apart(4))
    assert (found.value, found.high) == (1.0, 1.0) and found.low < 0.1 and found.p > 0.05
    assert share_difference([1.0] * 20, [0.0] * 20, apart(20)).p < 0.001


def test_a_system_against_itself_differs_by_nothing_within_an_interval():
    found = share_difference([1, 0, 1, 1], [1, 0, 1, 1], apart(4))
    assert (found.value, found.p) == (0.0, 1.0) and found.low == -found.high < -0.2


def test_differences_turn_with_the_order():
    one, other, clusters = [1, 0, 1, 1, 0, 1], [0, 0, 1, 0, 0, 1], list("aabbcc")
    found, turned = share_difference(one, other, clusters), share_difference(other, one, clusters)
    assert (turned.value, turned.low, turned.high, turned.p) == pytest.approx(
        (-found.value, -found.high, -found.low, found.p)
    )


def test_questions_about_one_picture_count_less():
    right = np.repeat([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0], 4)
    together = share(right, [str(place // 4) for place in range(40)])
    alone = share(right[::4], apart(10))
    # As much as ten independent ones, and a little less for not knowing beforehand that they are alike.
    assert together.low < alone.low < alone.high < together.high
    assert together.high - together.low < 1.2 * (alone.high - alone.low)
    nothing = share([0.0] * 40, [str(place // 4) for place in range(40)])
    assert nothing.low == 0 and nothing.high >= share([0.0] * 10, apart(10)).high


@pytest.mark.parametrize("lean", [0.5, 0.8, 1.0])
def test_a_yes_and_a_no_about_each_picture_even_out(lean):
    """Who says yes with probability `lean`, whatever is shown, is right about one of each two."""
    generator, trials, held, widths = np.random.default_rng(4), 400, 0, []
    for _ in range(trials):
        yes = np.repeat(generator.random(60) < lean, 2)
        found = share(yes == (np.arange(120) % 2 == 0), [str(place // 2) for place in range(120)])
        held += found.low <= 0.5 <= found.high
        widths.append(found.high - found.low)
    assert held / trials >= 0.95 and 0 < np.mean(widths) < 0.05


def test_means_over_seeds_are_surer_than_one_seed():
    generator = np.random.default_rng(6)
    seeds = generator.random((3, 60)) < 0.5
    mean, one = share(seeds.mean(axis=0), apart(60)), share(seeds[0], apart(60))
    assert 0.45 < (mean.high - mean.low) / (one.high - one.low) < 0.8


def test_one_picture_tells_nothing_of_the_spread():
    found, paired = share([1, 1], ["p", "p"]), share_difference([1, 1], [0, 0], ["p", "p"])
    assert (found.low, found.high, math.isnan(found.error)) == (0.0, 1.0, True)
    assert (paired.value, paired.low, paired.high, paired.p, math.isnan(paired.error)) == (1.0, -1.0, 1.0, 1.0, True)
    for nothing in (lambda: share([], []), lambda: share_difference([], [], [])):
        with pytest.raises(InputError, match="no items"):
            nothing()


def test_figures_of_right_and_wrong_units_are_shares():
    said = {"system": "s", "benchmark": "b", "language": "fr", "missing": 0}
    found = figure_of([measure([False] * 4, apart(4))], **said)
    assert (found.value, found.low) == (0.0, 0.0) and found.high == pytest.approx(60.2, abs=0.1)
    assert found.detectable > 50 and "|ci:korn-graubard|v:" in found.signature
    some = figure_of([measure([True, True, False, True], apart(4), (True, True, False, True))], **said)
    assert (some.value, some.high) == (100.0, 100.0) and some.low == pytest.approx(29.2, abs=0.1)
    seeds = figure_of([measure([True, False], apart(2)), measure([True, True], apart(2))], **said)
    assert seeds.value == pytest.approx(75.0)
    curve = Measure("auc", auc_of([True, False, True], [1, 2, 3]), ("a", "b", "c"), ("a", "b", "c"), "d")
    assert "|ci:cluster-bootstrap-2000|seed:1|" in figure_of([curve], **said).signature


@pytest.mark.parametrize("bounds", [(0.0, 100.0), (0.0, 1000.0), (-1.0, 1.0)])
def test_a_mean_within_bounds_is_a_share_of_its_range(bounds):
    generator, (least, most) = np.random.default_rng(2), bounds
    parts, clusters = generator.choice([0.0, 0.3, 1.0], 20), [str(place // 2) for place in range(20)]
    alone, found = share(parts, clusters), mean_within(least + (most - least) * parts, clusters, bounds)
    for name in ("value", "low", "high"):
        assert getattr(found, name) == pytest.approx(least + (most - least) * getattr(alone, name))
    assert found.error == pytest.approx((most - least) * alone.error)
    assert mean_within([least] * 4, apart(4), bounds).high == pytest.approx(least + (most - least) * 0.6024, rel=1e-3)


def test_figures_of_answers_that_are_right_in_part_are_no_draws():
    said = {"system": "s", "benchmark": "b", "language": "fr", "missing": 0}
    items = [Item(str(place), "?", "fr", picture=None) for place in range(4)]
    (one,) = mean_measure("accuracy", items, [0.0, 0.3, 0.0, 0.0], "vqa")
    (other,) = mean_measure("accuracy", items, [1.0, 0.6, 0.0, 1.0], "vqa")
    assert one.right is None and one.scores == pytest.approx((0.0, 30.0, 0.0, 0.0))
    found, exact = figure_of([one], **said), share([0.0, 0.3, 0.0, 0.0], apart(4))
    assert (found.value, found.low, found.high) == pytest.approx((7.5, 100 * exact.low, 100 * exact.high))
    assert "|ci:korn-graubard|v:" in found.signature
    compared = compare_measures([one], [other], names=("a", "b"), benchmark="x", language="fr")
    paired = share_difference([0.0, 0.3, 0.0, 0.0], [1.0, 0.6, 0.0, 1.0], apart(4))
    assert (compared.difference, compared.low) == pytest.approx((-57.5, 100 * paired.low))
    assert compared.signature.startswith("clustered-agresti-min|") and compared.mcnemar_p is None
    wide = [replace(each, bounds=(0.0, 1000.0), unit="points") for each in (one, other)]
    drawn = compare_measures(wide[:1], wide[1:], names=("a", "b"), benchmark="x", language="fr")
    assert drawn.signature.startswith("paired-cluster-bootstrap-"), "where all score near one end of a wide range"


def test_where_different_units_count_the_difference_is_drawn():
    counted = (True, True, False, True)
    one = measure([True, True, False, True], apart(4), counted)
    other = measure([True, False, True, False], apart(4))
    found = compare_measures([one], [other], names=("a", "b"), benchmark="x", language="fr")
    assert found.signature.startswith("paired-cluster-bootstrap-10000|seed:1|") and found.mcnemar_p is None
    assert found.difference == pytest.approx(50.0)


@pytest.mark.parametrize("items", [4, 40, 400])
def test_a_figure_that_no_resample_changes_has_an_interval_all_the_same(items):
    said = {"system": "s", "benchmark": "b", "language": "fr", "missing": 0}
    units = tuple(apart(items))
    nothing = Measure("cider", mean_of(np.zeros(items)), units, units, "d", bounds=(0, 1000))
    found = figure_of([nothing], **said)
    most = proportion_confint(0, items, method="beta")[1]
    assert (found.value, found.low, found.high) == pytest.approx((0.0, 0.0, 1000 * most))
    assert found.detectable > 0 and "|ci:unvaried|v:" in found.signature
    alike = compare_measures([nothing], [nothing], names=("a", "b"), benchmark="x", language="fr")
    assert (alike.low, alike.high, alike.p) == (-alike.high, pytest.approx(1000 * most), 1.0)
    # So many pictures that score the most possible go unseen 25 times in 1000 at least.
    assert (1 - most) ** items == pytest.approx(0.025)
