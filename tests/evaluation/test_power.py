"""Power, standard errors and paired tests against statsmodels and scipy."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint

from passerelle.errors import InputError
from passerelle.evaluation.benchmarks.base import Measure
from passerelle.evaluation.statistics.figures import Sides, compare_measures, corrected, figure_of, split_gap
from passerelle.evaluation.statistics.power import detectable, detectable_between, detectable_by
from passerelle.evaluation.statistics.shares import share_difference
from passerelle.evaluation.statistics.significance import (
    auc_of,
    cluster_bootstrap,
    holm_adjust,
    mcnemar,
    mean_of,
    paired_difference,
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
    assert (found.difference, found.p, found.mcnemar_p) == (0, 1, 1)
    assert found.low < 0 < found.high and found.detectable > 0  # four units alike don't prove that all are


def test_clustered_questions_widen_the_interval():
    right = np.repeat(GENERATOR.random(60) < 0.5, 5)
    clusters = [f"p{i // 5}" for i in range(300)]
    apart = figure_of([measure(right)], system="s", benchmark="b", language="fr", missing=0)
    together = figure_of([measure(right, clusters)], system="s", benchmark="b", language="fr", missing=0)
    assert together.high - together.low > 1.8 * (apart.high - apart.low)
    assert "|n:300|clusters:60|missing:0|" in together.signature


def test_a_figure_of_some_items_takes_their_draws_only():
    some = restricted(mean_of([1.0, 3.0]), [0, 2])
    draws = np.array([[1.0, 5.0, 1.0], [3.0, 0.0, 1.0], [0.0, 3.0, 0.0]])
    assert some(draws).tolist() == pytest.approx([2.0, 1.5, math.nan], nan_ok=True)


@pytest.mark.parametrize("level", [0.05, 0.01])
def test_the_smallest_difference_grows_with_what_is_asked_of_it(level):
    assert detectable(2.0, level=level) == pytest.approx(2 * (norm.ppf(1 - level / 2) + norm.ppf(0.8)))


def test_a_figure_says_all_of_itself():
    seeds = [
        Measure("f1", mean_of(values), ("u", "v", "w"), ("p", "p", "q"), "macro", "localised", "colour", None, None,
                unmatched, "points", "none", (0.0, 1.0), True)
        for values, unmatched in (([0.0, 1.0, 1.0], 2), ([1.0, 1.0, 1.0], 3))
    ]  # fmt: skip
    found = figure_of(seeds, system="s", benchmark="b", language="fr", missing=4)
    assert (found.system, found.benchmark, found.language, found.metric) == ("s", "b", "fr", "f1")
    assert (found.subtask, found.parser, found.unit, found.direction) == ("colour", "localised", "points", "none")
    assert (found.units, found.clusters, found.unmatched, found.missing, found.headline) == (3, 2, 5, 4, True)
    assert (found.value, found.low, found.high) == pytest.approx((5 / 6, 0.75, 1.0))
    assert found.by_seed == pytest.approx((2 / 3, 1.0))
    assert found.detectable == pytest.approx(detectable_by(mean_of([0.5, 1.0, 1.0]), ["p", "p", "q"]))
    rest = "n:3|clusters:2|missing:4|seeds:2|ci:cluster-bootstrap-2000|seed:1|v:3"
    assert found.signature == f"b/colour|f1|macro|lang:fr|{rest}"
    plain = figure_of([measure([1, 0])], system="s", benchmark="b", language="fr", missing=0)
    assert plain.signature.startswith("b|accuracy|m|lang:fr|n:2|")
    alone = figure_of([measure([1, 0], ["p", "p"])], system="s", benchmark="b", language="fr", missing=0)
    assert (alone.low, alone.high) == (0, 100) and math.isnan(alone.detectable)
    with pytest.raises(InputError, match="seeds of 'accuracy'"):
        figure_of([measure([1, 0]), measure([1])], system="s", benchmark="b", language="fr", missing=0)


def test_a_comparison_says_all_of_itself():
    one, other = measure([1, 1, 0], ["p", "p", "q"]), measure([0, 1, 0], ["p", "p", "q"])
    said = {"names": ("a", "b"), "benchmark": "x", "language": "fr-en"}
    found = compare_measures([one], [other], **said)
    assert (found.first, found.second, found.benchmark, found.language, found.metric) == (
        "a", "b", "x", "fr-en", "accuracy"
    )  # fmt: skip
    assert (found.units, found.clusters, found.only_first, found.only_second) == (3, 2, 1, 0)
    paired = share_difference(one.right, other.right, one.clusters)
    assert (found.difference, found.low, found.high) == pytest.approx((100 / 3, 100 * paired.low, 100 * paired.high))
    assert found.signature == "clustered-agresti-min|v:3" and found.holm_p is None
    assert found.detectable == pytest.approx(100 * detectable(paired.error))
    seeds = compare_measures([one, one], [other], **said)
    assert (seeds.only_first, seeds.only_second, seeds.mcnemar_p) == (None, None, None)
    unsure = Measure("f1", mean_of([1.0, 0.0, 1.0]), one.units, ("p",) * 3, "m", "published", bounds=(-1.0, 1.0))
    for first, second in (([unsure], [one]), ([one], [unsure])):
        drawn = compare_measures(first, second, **said)
        assert drawn.mcnemar_p is None and drawn.signature == "paired-cluster-bootstrap-10000|seed:1|v:3"
        pair = (first[0].statistic, second[0].statistic, ("p",) * 3 if first == [unsure] else one.clusters)
        assert drawn.detectable == pytest.approx(detectable_between(*pair), nan_ok=True)
    within = compare_measures([unsure], [unsure], **said)
    assert (within.metric, within.low, within.high) == ("f1 (published)", -2, 2)
    undefined = Measure("auc", auc_of([True] * 3, [1, 2, 3]), one.units, one.clusters, "m")
    assert compare_measures([undefined], [undefined], **said) is None
    with pytest.raises(InputError, match="a and b weren't asked the same in x"):
        compare_measures([one], [measure([1, 1])], **said)


def test_a_gap_is_the_sum_of_its_parts():
    clusters = list("pqrs")
    english, english_published = measure([1, 1, 1, 1], clusters), measure([1, 1, 1, 0], clusters)
    own, published = measure([1, 1, 0, 0], clusters), measure([0, 1, 0, 0], clusters)
    sides = Sides([english_published], [english], [published], [own])
    # The unit "3" is suspect: without it English has 3 of 3, the other language 2 of 3.
    clean = Sides(*([some([1, 1, 1])] for some in (measure, measure)), [measure([0, 1, 0])], [measure([1, 1, 0])])
    found = split_gap(sides, clean, {"3"}, system="s", benchmark="b", language="fr")
    values = {name: value for name, (value, _, _) in found.parts.items()}
    assert values == pytest.approx({"total": 50.0, "parser": 0.0, "items": 50 - 100 / 3, "model": 100 / 3})
    assert values["total"] == pytest.approx(values["parser"] + values["items"] + values["model"])
    assert all(low <= value <= high for value, low, high in found.parts.values())
    assert (found.raw, found.localised, found.without_suspects) == pytest.approx((25.0, 50.0, 200 / 3))
    assert (found.system, found.benchmark, found.language, found.metric) == ("s", "b", "fr", "accuracy")
    assert (found.suspects, found.units) == (1, 4) and found.as_dict()["raw"] == 25.0
    whole = split_gap(sides, None, {"3"}, system="s", benchmark="b", language="fr")
    assert whole.suspects == 0 and whole.without_suspects == whole.localised
    assert {name: value for name, (value, _, _) in whole.parts.items()} == pytest.approx(
        {"total": 50.0, "parser": 0.0, "items": 0.0, "model": 50.0}
    )
    other = Sides([english_published], [english_published], [published], [own])
    parts = split_gap(other, None, set(), system="s", benchmark="b", language="fr").parts
    assert (parts["parser"][0], parts["model"][0]) == pytest.approx((25.0, 25.0))


def test_resamples_without_a_figure_are_left_out():
    """Of the 27 resamples of three pictures 9 miss one class: what remains is the area of two values, 0 or 1."""
    area, clusters = auc_of([True, False, False], [2.0, 1.0, 3.0]), list("abc")
    found = cluster_bootstrap(area, clusters)
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)
    # Of those that count, both classes drawn, the two negatives come in the shares (1, 2), (2, 1) or one alone.
    error = standard_error(area, clusters, resamples=20_000)
    drawn = [draw for draw in np.ndindex(3, 3, 3) if 0 in draw and set(draw) != {0}]
    areas = [sum(each == 1 for each in draw) / sum(each > 0 for each in draw) for draw in drawn]
    assert error == pytest.approx(np.std(areas), rel=0.02)
    paired = paired_difference(area, lambda draws: 0 * draws[:, 0], clusters, resamples=20_000)
    assert paired.p == pytest.approx(2 * np.mean(np.array(areas) <= 0), rel=0.05)
    nothing = auc_of([True, True], [1.0, 2.0])
    never = cluster_bootstrap(nothing, ["a", "b"])
    assert all(map(math.isnan, (never.value, never.low, never.high, standard_error(nothing, ["a", "b"]))))
    assert standard_error(mean_of([0.0, 2.0]), ["a", "b"]) == pytest.approx(math.sqrt(0.5), rel=0.05)
    with pytest.raises(InputError, match="no items"):
        standard_error(nothing, [])
