"""An estimate knows what it was fitted on: how unlike other data are is in its interval, and in a sentence."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from passerelle.errors import InputError
from passerelle.quality.assessing import FakeAssess
from passerelle.quality.assessor import Assessor
from passerelle.quality.audit import audit
from passerelle.quality.base import Finding, Pair
from passerelle.quality.estimate.by_source import Offset, alike, left_out, offset, spread, widening
from passerelle.quality.estimate.calibrate import Labelled, fit
from passerelle.quality.estimate.calibrated import CalibratedAssess
from passerelle.quality.estimate.estimate import FORMAT, Estimate
from passerelle.quality.estimate.features import with_texts
from passerelle.quality.estimate.fitness import Fitness, fitness_of
from passerelle.quality.estimate.fitting import write_calibration
from passerelle.quality.estimate.likeness import Kinds, Summary
from passerelle.report.audited.page import audit_text, render_audit

TWO = {
    "columns": ["text.words", "copied"],
    "scales": [1.0, 0.5],
    "usual": 1.0,
    "furthest": 1.5,
    "floor": 0.04,
    "slope": 0.09,
    "widening": 2.0,
    "moved": {"pivots": 0.3},
    "kinds": [{"name": "labels", "means": [1.0, 1.0]}, {"name": "sentences", "means": [3.0, None]}],
}


def summary(words: float, copied: float) -> Summary:
    return Summary.of(np.array([[words, copied]]))


def test_the_nearest_kind_and_what_distance_and_a_silent_check_add() -> None:
    near = Kinds(TWO).likeness(summary(1.0, 1.0), [])
    assert (near.distance, near.nearest, near.differing, near.is_unlike) == (0.0, "labels", (), False)
    assert near.doubt == pytest.approx(2 * 0.2)
    far = Kinds(TWO).likeness(summary(5.0, 0.0), [])
    assert (far.nearest, far.distance, far.is_unlike) == ("sentences", pytest.approx(2.0), True)
    assert far.doubt == pytest.approx(2 * math.sqrt(0.04 * (2 / 1.5) ** 2 + 0.09 * 4))
    assert far.differing == (("text.words", 5.0, 1.0, 3.0), ("copied", 0.0, 1.0, 1.0))
    silent = Kinds(TWO).likeness(summary(1.0, math.nan), ["pivots"])
    assert silent.doubt == pytest.approx(2 * math.sqrt(0.04 + 0.09)) and silent.missing == ("pivots",)


def test_parts_of_a_data_set_add_up() -> None:
    table = np.array([[1.0, math.nan], [3.0, 0.5], [5.0, 1.0]])
    both = Summary.of(table[:1]) + Summary.of(table[1:])
    np.testing.assert_allclose(both.means, [3.0, 0.75])
    assert both.pairs == 3 and math.isnan(Summary.of(table[:1]).means[1])


def test_sources_weigh_alike_and_are_left_out_whole() -> None:
    sources = ["a"] * 6 + ["b"] * 2
    np.testing.assert_allclose(alike(sources, np.ones(8)), [8 / 2 / 6] * 6 + [2.0] * 2)
    assert [(seen.tolist(), unseen.tolist()) for seen, unseen in left_out(sources)] == [
        ([6, 7], [0, 1, 2, 3, 4, 5]),
        ([0, 1, 2, 3, 4, 5], [6, 7]),
    ]


def test_an_offset_brings_the_mean_to_the_share() -> None:
    log_odds = np.linspace(-1, 2, 400)
    accepted = np.arange(400) < 100
    value = offset(log_odds, accepted).value
    assert (1 / (1 + np.exp(-(log_odds + value)))).mean() == pytest.approx(101 / 402, abs=1e-6)
    found = [offset(np.zeros(1000), np.arange(1000) < 1000 / (1 + math.exp(-move))) for move in (0.5, -0.5, 1.0, -1.0)]
    floor, slope = spread(found, np.array([1.0, 1.0, 2.0, 2.0]))
    assert (floor, slope) == (pytest.approx(0, abs=0.01), pytest.approx(0.25, abs=0.01))
    assert widening(3) == pytest.approx(4.3027 / 1.96, abs=1e-3) and widening(200) == pytest.approx(1, abs=0.01)


def of_sources(seed: int = 1, each: int = 100) -> tuple[Labelled, dict[str, list[Finding]]]:
    """Pairs of four sources; ``tells`` speaks the truth, ``home`` only in which source a pair is, ``mood`` there."""
    chance = np.random.default_rng(seed)
    sources = [name for name in "abcd" for _ in range(each)]
    truth = chance.random(4 * each) < np.repeat([0.3, 0.5, 0.7, 0.9], each)
    pairs = [Pair("a word " * (1 + "abcd".index(name)), "x", cluster=f"{n}") for n, name in enumerate(sources)]
    labelled = Labelled(pairs, truth, np.full(len(pairs), math.nan), np.zeros(len(pairs), dtype=bool), "drawn",
                        sources=sources)  # fmt: skip
    tells = np.where(truth, 0.6, 0.4) + chance.normal(0, 0.2, len(pairs))
    return labelled, {
        "tells": [Finding(value) for value in tells],
        "home": [Finding("abcd".index(name) / 3) for name in sources],
    }


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    labelled, found = of_sources()
    return fit(labelled, found, {"data": "four sources"})


def test_a_fit_over_sources_leaves_each_out_and_says_how_far_it_is_off_on_the_next(fitted: dict[str, Any]) -> None:
    known = fitted["provenance"]
    assert known["folds"] == 4
    assert [kind["name"] for kind in fitted["kinds"]["kinds"]] == ["a", "b", "c", "d"]
    # Sources' shares are far apart, which no check tells: it's off by as much on a source that it never saw.
    assert fitted["kinds"]["floor"] + fitted["kinds"]["slope"] > 0.3
    labelled, found = of_sources()
    mixed = fit(replace(labelled, sources=()), found, {"data": "one source"})
    assert mixed["provenance"]["folds"] == 5 and len(mixed["kinds"]["kinds"]) == 1
    assert mixed["provenance"]["out_of_fold"]["auc"]["value"] > known["out_of_fold"]["auc"]["value"] + 0.02


class Said:
    """A check that says what it was told."""

    def __init__(self, name: str, score: float) -> None:
        self.name, self.signature, self._score = name, f"{name} 1", score

    def assess(self, pairs: list[Pair]) -> list[Finding]:
        return [Finding(self._score) for _ in pairs]


def assess_by(content: dict[str, Any], **scores: float) -> CalibratedAssess:
    return CalibratedAssess(Assessor([Said(*each) for each in scores.items()]), Estimate(content))


def test_the_audit_says_how_unlike_data_are_and_its_interval_holds_it(fitted: dict[str, Any]) -> None:
    content = json.loads(json.dumps(fitted))
    like = audit([Pair("a word a word", f"x{n}", cluster=str(n)) for n in range(40)],
                 assess_by(content, tells=0.5, home=0.33))  # fmt: skip
    unlike = audit([Pair("a word " * 90, f"x{n}", cluster=str(n)) for n in range(40)],
                   assess_by(content, tells=0.5, home=0.33))  # fmt: skip
    assert like.fitness is not None and unlike.fitness is not None
    assert not like.fitness.is_unlike and "These data are like those" in like.fitness.says
    assert unlike.fitness.is_unlike and "words in a text 180 (2 to 8 there)" in unlike.fitness.says
    points = f"{100 * 1.96 * unlike.slack:.0f} points either way"
    assert points in unlike.fitness.says and "--labels" in unlike.fitness.says
    assert unlike.lost.high - unlike.lost.low >= like.lost.high - like.lost.low > 0
    silent = audit([Pair("a word a word", f"x{n}", cluster=str(n)) for n in range(40)], assess_by(content, tells=0.5))
    assert silent.slack > like.slack  # `home` can't say anything: what it moved between sources is in doubt
    assert unlike.as_dict()["fitness"]["is_unlike"] is True
    text = audit_text(unlike, "demo", "fr")
    assert '<p id="fitness"><strong>These data are unlike those' in text
    with (console := Console(file=io.StringIO(), width=400)).capture() as shown:
        render_audit(unlike, console)
    assert unlike.fitness.says in shown.get()


def test_a_calibration_of_an_older_version_says_so(fitted: dict[str, Any], tmp_path: Path) -> None:
    older = {**fitted, "format": "passerelle calibration 1"}
    del older["kinds"]
    write_calibration(tmp_path / "older.json", older)
    estimate = Estimate.load(tmp_path / "older.json")
    assess = CalibratedAssess(Assessor([Said("tells", 0.5)]), estimate)
    found = audit([Pair("a", f"{n}") for n in range(3)], assess)
    assert found.fitness is not None and "of an older version" in found.fitness.says
    assert found.slack == assess.slack > 0 and found.fitness.says in audit_text(found, "demo", "fr")
    broken = {**fitted, "kinds": {**fitted["kinds"], "scales": [1.0, 2.0]}}
    with pytest.raises(InputError, match="missing or broken"):
        Estimate(broken)
    with pytest.raises(InputError, match="missing or broken"):
        Estimate({**older, "format": FORMAT})


def test_what_knows_nothing_of_its_fit_says_nothing_of_it() -> None:
    assert audit([Pair("a", "b")], FakeAssess()).fitness is None


def test_the_doubt_of_log_odds_becomes_that_of_the_share() -> None:
    likeness = Kinds(TWO).likeness(summary(1.0, 1.0), [])
    found = fitness_of(likeness, 0.125)
    assert found == Fitness(found.says, False, pytest.approx(0.4 * 0.125), 0.0, "labels")  # type: ignore[arg-type]


def test_an_engine_that_was_in_no_fit_is_named() -> None:
    likeness = Kinds(TWO).likeness(summary(1.0, 1.0), [])
    usual, narrow = fitness_of(likeness, 0.25), fitness_of(likeness, 0.25, ["a rule-based engine"])
    assert narrow.says == f"{usual.says} No translation by a rule-based engine was in the fit."


@pytest.mark.parametrize(("area", "is_said"), [(None, False), (0.9, False), (0.65, False), (0.52, True)])
def test_where_it_hardly_tells_lost_from_good_a_reader_is_told_not_to_go_by_the_order(
    area: float | None, is_said: bool
) -> None:
    kinds = [{**TWO["kinds"][0], "auc": area}, TWO["kinds"][1]]  # type: ignore[index]
    said = fitness_of(Kinds({**TWO, "kinds": kinds}).likeness(summary(1.0, 1.0), []), 0.25).says
    assert ("On labels, as data never seen, it hardly told lost pairs from good ones (AUC 0.52" in said) is is_said
    assert ("take the share, not the order of the pairs" in said) is is_said


def test_kinds_of_a_fit_hold_how_well_each_was_told_and_pairs_count_as_they_are_said_to() -> None:
    labelled, found = of_sources()
    known = fit(labelled, found, {"data": "four sources"}, with_quick=False)
    areas = {kind["name"]: kind["auc"] for kind in known["kinds"]["kinds"]}
    assert areas["b"] > 0.65 and areas["c"] > 0.65 and areas["d"] is None, "of d fewer than 20 are lost"
    assert "quick" not in known
    weights = replace(labelled, counts=np.tile([3.0, 1.0], 200)).weights
    assert weights[:2] == pytest.approx([1.5, 0.5]) and weights.sum() == pytest.approx(400)
    assert weights[:100].sum() == pytest.approx(100)


@pytest.mark.parametrize(("floor", "slope"), [(0.0, 0.0), (0.2, 0.0), (0.05, 3.0)])
def test_the_likeliest_spread_of_offsets_is_found_and_one_outlier_doesnt_make_it(floor: float, slope: float) -> None:
    chance = np.random.default_rng(5)
    away, noise = chance.uniform(0.1, 0.5, 400), chance.uniform(0.02, 0.1, 400)
    offsets = chance.normal(0, np.sqrt(floor + slope * away**2 + noise))
    found = spread([Offset(*each) for each in zip(offsets, noise, strict=True)], away)
    assert found[0] + found[1] * 0.3**2 == pytest.approx(floor + slope * 0.3**2, abs=0.06)
    offsets[np.argmax(away)] = 3.0
    moved = spread([Offset(*each) for each in zip(offsets, noise, strict=True)], away)
    assert moved[0] + moved[1] * 0.3**2 == pytest.approx(found[0] + found[1] * 0.3**2, abs=0.05)


def test_no_fit_reads_what_only_tells_an_engines_own_text_from_one_with_an_edit() -> None:
    labelled, found = of_sources()
    values = [{"best": 1.0 if good else 0.9, "same": float(good), "mean": float(good)} for good in labelled.accepted]
    pivots = [Finding(0.5, values=each) for each in values]
    content = fit(labelled, {**found, "pivots": pivots}, {"data": "x"}, with_quick=False)
    assert [name for name in content["features"] if name.startswith("pivots")] == ["pivots", "pivots.best"]
    at = content["features"].index("pivots.best")
    assert content["medians"][at] == 0.8 and not any(at in tree["feature"] for tree in content["trees"])


def test_the_texts_length_is_a_column() -> None:
    assert with_texts({}, [Pair("three words here", "x")])["text"][0].values == {"words": 2.0}
