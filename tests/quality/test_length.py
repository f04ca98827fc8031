"""The length check: figures by hand, and the shipped ones fitted again."""

from __future__ import annotations

import math

import pytest

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.checks.length import LengthCheck, Lengths, find_lengths, fit
from passerelle.quality.estimate.deviation import plausibility


def test_deviations_by_hand() -> None:
    usual = Lengths(mean=0.0, variance=0.05, short=0.4)
    # 10 characters: variance 0.05 + 0.04 = 0.09, so one deviation is 0.3; log(20 / 10) = 0.693
    assert usual.deviations("a" * 10, "b" * 20) == pytest.approx(math.log(2) / 0.3)
    # the same ratio is stranger in a longer text
    assert usual.deviations("a" * 100, "b" * 200) == pytest.approx(math.log(2) / math.sqrt(0.054))


def test_plausibility_by_hand() -> None:
    assert plausibility(0.0) == plausibility(-1.0) == 1.0
    assert plausibility(2.0) == pytest.approx(0.3173, abs=1e-4)  # both tails beyond one deviation
    assert plausibility(-3.0) == pytest.approx(0.0455, abs=1e-4)


def test_fit_by_hand() -> None:
    # All sources have 100 characters; half of the targets 100, half 400: median log 2, variance (log 2)²
    pairs = [(f"{number:0100}", f"{number:0100}"[:-1] + "x") for number in range(10)]
    pairs += [(f"{number:0100}", f"{number:0400}") for number in range(100, 110)]
    found = fit(pairs)
    assert found.mean == pytest.approx(math.log(2), abs=1e-3)
    assert found.variance + found.short / 100 == pytest.approx(math.log(2) ** 2, abs=2e-3)


def test_the_french_figures_come_from_the_train_side(stamps: list) -> None:
    from passerelle.example import splits

    side = splits.stored()
    train = [p for p in stamps if side.get(p.id) == "train" and "fr" in p.captions]
    found = fit([(p.captions["en"].text, p.captions["fr"].text) for p in train])
    shipped = find_lengths(Direction("en", "fr"))
    assert found.mean == pytest.approx(shipped.mean, abs=0.02)
    assert found.variance == pytest.approx(shipped.variance, abs=0.01)


def test_pairs() -> None:
    check = LengthCheck("en", "fr")
    source = "A large brown dog is running across the green field."
    fine, cut, blown = check.assess(
        [
            Pair(source, "Un grand chien brun court à travers le champ vert."),
            Pair(source, "Un chien."),
            Pair(source, "Un grand chien brun court. " * 8),
        ]
    )
    assert fine.score == 1 and fine.error is None
    assert cut.score < 0.05 and "shorter" in cut.reason and cut.error == "dropped"
    assert blown.score < 0.05 and "longer" in blown.reason and blown.error == "added"


def test_short_texts_are_let_off() -> None:
    (finding,) = LengthCheck("en", "fr").assess([Pair("A mat.", "Un tapis.")])
    assert finding.score > 0.5


def test_the_way_back_has_the_opposite_mean() -> None:
    assert find_lengths(Direction("fr", "en")).mean == -find_lengths(Direction("en", "fr")).mean


def test_a_pair_without_figures_lets_most_pass() -> None:
    (finding,) = LengthCheck("br", "cy").assess([Pair("Ur c'hi", "Ci mawr iawn", "br", "cy")])
    assert finding.score > 0.5


def test_it_is_a_check() -> None:
    assert isinstance(LengthCheck("en", "fr"), Check)
