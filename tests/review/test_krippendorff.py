"""Alpha against published worked examples and another implementation; percent agreement; who stands apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.review.findings.agreement import Level, against_others, krippendorff_alpha, percent_agreement

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), examples A, B and C/D.
BINARY = ("0100000010", "1110010000")
NOMINAL = ("aabbdcccedda", "babbbccceddd")
FOUR = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def units(rows: tuple[str, ...], numbers: bool = True) -> dict[str, dict[str, float | str]]:
    found: dict[str, dict[str, float | str]] = {}
    for who, row in enumerate(rows):
        for unit, value in enumerate(row):
            if value != ".":
                found.setdefault(str(unit), {})[str(who)] = float(value) if numbers else value
    return found


@pytest.mark.parametrize(
    ("rows", "numbers", "level", "alpha"),
    [
        (BINARY, True, "nominal", 0.095),
        (NOMINAL, False, "nominal", 0.692),
        (FOUR, True, "nominal", 0.743),
        (FOUR, True, "ordinal", 0.815),
        (FOUR, True, "interval", 0.849),
    ],
)
def test_published_examples(rows: tuple[str, ...], numbers: bool, level: Level, alpha: float) -> None:
    assert krippendorff_alpha(units(rows, numbers), level) == pytest.approx(alpha, abs=5e-4)


def test_limits() -> None:
    assert krippendorff_alpha(units(("1234", "1234")), "nominal") == 1
    assert krippendorff_alpha(units(("01", "10")), "nominal") < 0
    assert math.isnan(krippendorff_alpha(units(("11", "11")), "nominal"))
    assert math.isnan(krippendorff_alpha(units(("12..", "..34")), "interval"))
    assert math.isnan(krippendorff_alpha({}, "nominal"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from([None, 1, 2, 3, 7]), min_size=3, max_size=3), min_size=3, max_size=12))
def test_as_another_implementation(table: list[list[int | None]]) -> None:
    evalica = pytest.importorskip("evalica")
    pandas = pytest.importorskip("pandas")
    found: dict[str, dict[str, float | str]] = {
        str(unit): {str(who): float(value) for who, value in enumerate(row) if value is not None}
        for unit, row in enumerate(table)
    }
    levels: tuple[Level, ...] = ("nominal", "ordinal", "interval")
    for level in levels:
        own = krippendorff_alpha(found, level)
        if math.isnan(own):
            continue
        theirs = evalica.alpha(pandas.DataFrame(table, dtype=float).T, distance=level).alpha
        assert own == pytest.approx(theirs, abs=1e-9)


def test_percent_agreement_counts_pairs() -> None:
    values: dict[str, dict[str, float | str]] = {"x": {"a": 1.0, "b": 1.0, "c": 2.0}, "y": {"a": 5.0}}
    assert percent_agreement(values) == pytest.approx(100 / 3)
    assert percent_agreement(values, tolerance=1) == 100
    assert math.isnan(percent_agreement({"y": {"a": 5.0}}))


def test_who_disagrees_with_all_others_is_seen() -> None:
    rows = ("121212121212", "121212121211", "121212121212", "212121212121")
    alphas = against_others(units(rows), "nominal")
    assert alphas["3"] < -0.5
    assert min(alphas[name] for name in "012") > 0.5


def test_ones_own_value_is_no_part_of_what_the_others_say() -> None:
    scores: dict[str, dict[str, float | str]] = {
        "x": {"a": 0.0, "b": 60.0, "c": 80.0}, "y": {"a": 90.0, "b": 20.0, "c": 40.0}, "alone": {"a": 10.0},
    }  # fmt: skip
    # The others' means are 70 and 30; a's 0 and 90 make them 47 and 50, were they counted.
    pairs: dict[str, dict[str, float | str]] = {"x": {"a": 0.0, "o": 70.0}, "y": {"a": 90.0, "o": 30.0}}
    assert against_others(scores, "interval")["a"] == pytest.approx(krippendorff_alpha(pairs, "interval"))
    # The others are divided on x: a's own label would settle it in a's favour.
    labels: dict[str, dict[str, float | str]] = {
        "x": {"a": "right", "b": "right", "c": "wrong"},
        "y": {"a": "right", "b": "wrong", "c": "wrong"},
        "z": {"a": "wrong", "b": "wrong", "c": "wrong"},
    }
    decided = {"y": {"a": "right", "o": "wrong"}, "z": {"a": "wrong", "o": "wrong"}}
    assert against_others(labels, "nominal")["a"] == pytest.approx(krippendorff_alpha(decided, "nominal"))
