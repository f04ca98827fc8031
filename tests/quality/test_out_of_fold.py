"""Estimates out of fold: a pair is judged by a fit that didn't see its cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from passerelle.quality.assessor import Assessor
from passerelle.quality.base import Finding, Pair
from passerelle.quality.estimate.calibrate import FOLDS, Labelled
from passerelle.quality.estimate.out_of_fold import fit_out_of_fold

pytest.importorskip("sklearn")


class Named:
    """A check that tells every cluster apart: with it, a fit can learn each pair's label by heart."""

    name, signature = "named", "named 1"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        return [Finding(int(pair.cluster) / 400 if pair.cluster.isdigit() else 0.5) for pair in pairs]


def test_what_a_fit_saw_it_does_not_judge() -> None:
    draw = np.random.default_rng(1)
    # Whole stretches of neighbouring clusters are alike, so that trees can learn them; labels are chance otherwise.
    accepted = draw.random(40).repeat(10) > 0.5
    pairs = [Pair("a", "b", cluster=str(number)) for number in range(400)]
    labelled = Labelled(pairs, accepted, np.where(accepted, 60.0, 20.0), np.zeros(400, dtype=bool), "made up")
    assessor = Assessor([Named()])
    assess = fit_out_of_fold(assessor, labelled, assessor.assess(pairs, quiet=True), {"data": "made up"})
    judged = np.array([found.probability for found in assess.estimate(pairs)])
    seen = np.array([found.probability for found in assess._folds[0].estimate(pairs)])
    fold = np.array([assess._fold_of[pair.cluster] for pair in pairs])
    assert set(fold) == set(range(FOLDS))
    assert np.array_equal(judged[fold == 0], seen[fold == 0])
    assert not np.array_equal(judged[fold == 1], seen[fold == 1])
    other = assess.estimate([replace(pairs[0], cluster="unheard of")])[0]
    assert other.probability == pytest.approx(
        assess._folds[0].estimate([replace(pairs[0], cluster="?")])[0].probability
    )
    assert "5 fits" in assess.calibrated_on
