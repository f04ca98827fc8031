import json
import math

import numpy as np
import pytest

from passerelle.errors import ConfigError, InputError
from passerelle.quality.base import Finding, Pair
from passerelle.quality.engines import Engines
from passerelle.quality.estimate.calibrate import Labelled, by_check, figures, fit, reliability
from passerelle.quality.estimate.estimate import FORMAT, Estimate
from passerelle.quality.estimate.features import feature_names, matrix
from passerelle.quality.estimate.labels import read_labels, tux_paint

# One split at 0.5 of "a", then one of "b.x"; base 0, so that the figures can be checked by hand.
BY_HAND = {
    "format": FORMAT,
    "features": ["a", "b.x"],
    "medians": [0.8, 2.0],
    "base": 0.25,
    "calibration": {"slope": 2.0, "intercept": -0.5},
    "provenance": {},
    "kinds": None,
    "trees": [
        {
            "feature": [0, -1, 1, -1, -1],
            "threshold": [0.5, 0, 1.0, 0, 0],
            "left": [1, -1, 3, -1, -1],
            "right": [2, -1, 4, -1, -1],
            "value": [0.0, -1.0, 0.5, 0.1, 0.7],
        }
    ],
}


def findings(a, x):
    return {"a": [Finding(a)], "b": [Finding(math.nan, values={"x": x})]}


@pytest.mark.parametrize(
    ("a", "x", "raw"),
    [(0.2, 0.0, -1.0), (0.5, 9.0, -1.0), (0.9, 1.0, 0.1), (0.9, 1.5, 0.7), (math.nan, math.nan, 0.7)],
)
def test_trees_and_line_as_computed_by_hand(a, x, raw):
    (probability,) = Estimate(BY_HAND).probability(findings(a, x))
    assert probability == pytest.approx(1 / (1 + math.exp(-(2 * (0.25 + raw) - 0.5))))


def test_contributions_name_the_check_and_add_up():
    found = Estimate(BY_HAND).contributions(findings(0.9, 1.0))
    assert found["a"][0] == pytest.approx(2 * 0.5) and found["b"][0] == pytest.approx(2 * (0.1 - 0.5))


def test_a_check_that_says_nothing_is_named():
    estimate = Estimate(BY_HAND)
    assert estimate.missing({"a": [Finding(0.3)]}) == ["b"]
    assert estimate.missing(findings(math.nan, 1.0)) == ["a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not a calibration file"),
        ({"features": ["a"]}, "don't fit together"),
        ({"medians": None}, "missing or broken"),
        ({"trees": [{**BY_HAND["trees"][0], "left": [0, -1, 3, -1, -1]}]}, "aren't in order"),
    ],
)
def test_a_broken_file_is_refused(change, message, tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({**BY_HAND, **change}))
    with pytest.raises(InputError, match=message):
        Estimate.load(tmp_path / "c.json")


def test_a_file_that_is_no_json_or_missing_is_refused(tmp_path):
    (tmp_path / "c.json").write_text("[")
    with pytest.raises(InputError, match="is no JSON"):
        Estimate.load(tmp_path / "c.json")
    with pytest.raises(InputError, match="can't read"):
        Estimate.load(tmp_path / "none.json")


def test_columns_are_scores_and_values():
    table = {"a": [Finding(0.3), Finding(0.4)], "b": [Finding(1.0, values={"x": 2.0}), Finding(math.nan)]}
    assert feature_names(table) == ["a", "b", "b.x"]
    np.testing.assert_array_equal(matrix(table, ["a", "b.x", "c"]), [[0.3, 2, np.nan], [0.4, np.nan, np.nan]])


def drawn(seed=3, pairs=400):
    """Pairs whose check ``good`` tells the label, with errors, and whose check ``noise`` tells nothing."""
    chance = np.random.default_rng(seed)
    truth = chance.random(pairs) < 0.6
    good = np.where(truth, 0.7, 0.3) + chance.normal(0, 0.2, pairs)
    labelled = Labelled(
        [Pair("a", "b", cluster=f"c{n // 4}") for n in range(pairs)],
        truth,
        np.where(truth, 80.0, 20.0) + chance.random(pairs),
        np.zeros(pairs, dtype=bool),
        "drawn",
    )
    return labelled, {"good": [Finding(v) for v in good], "noise": [Finding(v) for v in chance.random(pairs)]}


def test_a_fit_tells_good_from_bad_and_its_file_repeats_its_figures(tmp_path):
    labelled, found = drawn()
    content = fit(labelled, found, {"data": "drawn"})
    out_of_fold = content["provenance"]["out_of_fold"]
    assert 0.8 < out_of_fold["auc"]["low"] < out_of_fold["auc"]["value"] < out_of_fold["auc"]["high"]
    assert out_of_fold["ece"] < 0.12 and out_of_fold["spearman"] > 0.5
    (tmp_path / "c.json").write_text(json.dumps(content))
    fresh, unseen = drawn(seed=4)
    seen = figures(fresh, Estimate.load(tmp_path / "c.json").probability(unseen))
    assert seen["auc"]["value"] > 0.85 and seen["ece"] < 0.12


def test_the_quick_checks_have_an_estimate_of_their_own(tmp_path):
    labelled, found = drawn()
    dear = {"pivots": found["good"], "length": found["good"], "copied": found["noise"]}
    (tmp_path / "c.json").write_text(json.dumps(fit(labelled, dear, {"data": "drawn"})))
    estimate = Estimate.load(tmp_path / "c.json")
    assert "pivots" in estimate.checks and estimate.quick.checks == ["copied", "length"]
    silent = {**dear, "pivots": [Finding(math.nan)] * len(labelled.pairs)}
    np.testing.assert_array_equal(estimate.quick.probability(dear), estimate.quick.probability(silent))
    assert (
        figures(labelled, estimate.quick.probability(silent))["ece"]
        < figures(labelled, estimate.probability(silent))["ece"]
    )
    del dear["pivots"]
    assert Estimate(fit(labelled, dear, {"data": "drawn"})).quick is None


def test_written_trees_give_what_scikit_learn_gives():
    from passerelle.quality.estimate.calibrate import _boosted, _written_out
    from passerelle.quality.estimate.estimate import imputed

    labelled, found = drawn(pairs=120)
    table = matrix(found, ["good", "noise"])
    medians = np.nanmedian(table, axis=0)
    model = _boosted(imputed(table, medians), labelled.accepted, labelled.weights)
    base, trees = _written_out(model)
    line = {"calibration": {"slope": 1, "intercept": 0}, "provenance": {}, "kinds": None, "features": ["good", "noise"]}
    estimate = Estimate({"format": FORMAT, "medians": medians, "base": base, "trees": trees, **line})
    expected = model.predict_proba(imputed(table, medians))[:, 1]
    np.testing.assert_allclose(estimate.probability(found), expected, atol=2e-4)


def test_each_check_alone_and_left_out():
    rows = {row["check"]: row for row in by_check(*drawn())}
    assert rows["good"]["alone"]["value"] > 0.85 > 0.6 > rows["noise"]["alone"]["value"]
    assert rows["noise"]["without"]["value"] > 0.85 > 0.6 > rows["good"]["without"]["value"]


def test_reliability_in_bins_of_equal_width():
    rows = reliability(np.array([True, False, True]), np.array([0.91, 0.99, 1.0]))
    assert rows == [{"from": 0.9, "to": 1.0, "pairs": 3, "estimated": 0.9667, "accepted": 0.6667}]


def test_too_few_pairs_are_refused():
    with pytest.raises(InputError, match="40 labelled pairs.*at least 50"):
        fit(*drawn(pairs=40), {})


def test_labels_of_each_kind_are_read(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("source,target,reference,picture\nA frog.,Une grenouille.,Une grenouille.,f.png\nA bat.,Xyz,Une,\n")
    found = read_labels(path, "en", "fr")
    assert found.accepted.tolist() == [True, False] and found.quality[0] == 100
    assert [pair.cluster for pair in found.pairs] == ["f.png", "A bat."]
    path = tmp_path / "labels.jsonl"
    path.write_text('{"source": "a", "target": "b", "score": 50}\n\n{"source": "a", "target": "b", "score": 49.9}\n')
    assert read_labels(path, "en", "fr").accepted.tolist() == [True, False]
    path.write_text('{"source": "a", "target": "b", "accepted": true}\n{"source": "a", "target": "b", "accepted": 0}\n')
    assert read_labels(path, "en", "fr").accepted.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,target\na,b\n", "has no labels"),
        ("source,target,accepted\na,b,1\na,,1\n", "row 2: 'target' is missing or empty"),
        ("source,target,accepted\na,b,maybe\n", "row 1: 'accepted' is 'maybe'; write 0 or 1"),
        ("source,target,score\na,b,101\n", "'score' is '101'; write a number from 0 to 100"),
        ("source,target,reference\na,b,c\na,b,\n", "row 2: 'reference' is missing"),
        ("", "no rows"),
    ],
)
def test_what_is_wrong_with_labels_is_said(text, message, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_labels(path, "en", "fr")


def test_a_side_that_there_is_not_is_named():
    with pytest.raises(ConfigError, match="unknown side 'tets'. Did you mean 'test'"):
        tux_paint(Engines(), "fr", "tets")


def test_the_shipped_calibration_is_honest_about_where_it_comes_from():
    estimate = Estimate.shipped("en", "fr")
    assert estimate is not None and "9 sources" in estimate.provenance["data"]
    assert estimate.provenance["out_of_fold"]["auc"]["low"] > 0.8
    # Captions of photographs are in no fit; they are judged all the same.
    assert not any("photographs" in name for name in estimate.kinds.names)
    unseen = estimate.provenance["unseen"]
    # Talks are a neural engine's alone: of these it knows about how many are lost, and not which.
    assert unseen["photographs"]["auc"]["value"] > 0.78 and unseen.pop("talks")["auc"]["value"] < 0.6
    assert max(each["ece"] for each in unseen.values()) < 0.08
    assert not {"embedding", "back-translation"} & set(estimate.checks) and estimate.quick is not None
    assert Estimate.shipped("en", "xx") is None
