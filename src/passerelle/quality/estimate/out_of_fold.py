"""An estimate that never saw what it judges: fitted anew for each part of the labelled pairs, without that part.

The calibration that ships was fitted on the captions of the training side. To judge those very captions by it would
let it know the answers; what is trained on data that it selected would look better than on a user's data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from passerelle.evaluation.asking.replying import Taken
from passerelle.languages.phrasebook import Phrasebook
from passerelle.quality.assessing import Assess, Assessment
from passerelle.quality.assessor import Assessor
from passerelle.quality.base import Pair
from passerelle.quality.estimate.calibrate import FOLDS, Labelled, fit, need_scikit_learn
from passerelle.quality.estimate.calibrated import CalibratedAssess
from passerelle.quality.estimate.estimate import Estimate
from passerelle.quality.estimate.features import Findings


class OutOfFoldAssess:
    """An `Assess` by as many estimates as there are folds; a pair is judged by the one that didn't see its cluster.

    A pair of a cluster that isn't among the labelled ones is judged by the first.
    """

    def __init__(
        self,
        assessor: Assessor,
        estimates: Sequence[Estimate],
        fold_of: Mapping[str, int],
        phrasebook: Phrasebook | None = None,
    ) -> None:
        """Take the checks, an estimate for each fold, the fold of each cluster, and what is right by definition."""
        self._assessor = assessor
        self._folds: list[Assess] = [CalibratedAssess(assessor, estimate, phrasebook) for estimate in estimates]
        self._fold_of = dict(fold_of)

    @property
    def calibrated_on(self) -> str:
        """What the estimates were fitted on, for people."""
        return f"{self._folds[0].calibrated_on}; {len(self._folds)} fits, each pair by one that didn't see it"

    @property
    def slack(self) -> float:
        """Standard error of the calibration's own mean, 0..1."""
        return self._folds[0].slack

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds that each check took so far, by its name."""
        return self._assessor.seconds

    @property
    def taken(self) -> Mapping[str, Taken]:
        """What asking paid models took, by the check's name."""
        return self._folds[0].taken

    def estimate(self, pairs: Sequence[Pair]) -> list[Assessment]:
        """Assess each pair by the estimate of its cluster's fold.

        Raises:
            RunError: An engine or a model that a check needs failed.
        """
        places: dict[int, list[int]] = {}
        for place, pair in enumerate(pairs):
            places.setdefault(self._fold_of.get(pair.cluster, 0), []).append(place)
        found: dict[int, Assessment] = {}
        for fold, ours in places.items():
            found |= dict(zip(ours, self._folds[fold].estimate([pairs[place] for place in ours]), strict=True))
        return [found[place] for place in range(len(pairs))]


def fit_out_of_fold(
    assessor: Assessor,
    labelled: Labelled,
    findings: Findings,
    provenance: Mapping[str, Any],
    phrasebook: Phrasebook | None = None,
) -> OutOfFoldAssess:
    """Fit an estimate for each fold on the pairs of the others.

    Args:
        assessor: Asks the checks.
        labelled: The pairs and their labels.
        findings: Each check's findings about them.
        provenance: What to note about the data and the checks.
        phrasebook: What is right by definition [what ships].

    Raises:
        InputError: Too few pairs, or too few of one kind.
        MissingDependency: scikit-learn isn't installed.
    """
    need_scikit_learn()
    from sklearn.model_selection import GroupKFold

    clusters = np.array([pair.cluster for pair in labelled.pairs])
    estimates: list[Estimate] = []
    fold_of: dict[str, int] = {}
    for fold, (seen, unseen) in enumerate(GroupKFold(FOLDS).split(clusters, groups=clusters)):
        fold_of |= dict.fromkeys(clusters[unseen].tolist(), fold)
        part = {name: [each[place] for place in seen] for name, each in findings.items()}
        estimates.append(Estimate(fit(_part(labelled, seen), part, provenance)))
    return OutOfFoldAssess(assessor, estimates, fold_of, phrasebook)


def _part(labelled: Labelled, places: np.ndarray) -> Labelled:
    return replace(
        labelled,
        pairs=[labelled.pairs[place] for place in places],
        accepted=labelled.accepted[places],
        quality=labelled.quality[places],
        is_extra=labelled.is_extra[places],
        sources=[labelled.sources[place] for place in places] if labelled.sources else (),
        kinds=[labelled.kinds[place] for place in places] if labelled.kinds else (),
    )
