"""Fit the estimate on labelled pairs and say how well it does on pairs that it hasn't seen.

scikit-learn is needed here only. Folds hold whole clusters (captions of one picture or concept), and both the
line that turns log-odds into probabilities and every figure come from predictions out of fold. Where the pairs are of
several sources, these weigh alike and a fold is a whole source: the figures are those on data of a kind never seen.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from passerelle.errors import InputError, MissingDependency, to_install
from passerelle.evaluation.asking.replying import LLM
from passerelle.evaluation.statistics.significance import Statistic, auc_of, cluster_bootstrap
from passerelle.quality.base import Pair
from passerelle.quality.checks.registry import DEAR
from passerelle.quality.estimate.by_source import FEWEST_SOURCES, alike, kinds_of, left_out
from passerelle.quality.estimate.estimate import FORMAT, Estimate, imputed
from passerelle.quality.estimate.features import Findings, FloatArray, check_of, feature_names, matrix, with_texts
from passerelle.quality.estimate.likeness import COLUMNS

FOLDS = 5
BINS = 10
FEWEST = 50
"""Fewest labelled pairs, and a tenth of it the fewest of either kind."""
TREES = {
    "n_estimators": 150,
    "max_depth": 3,
    "learning_rate": 0.04,
    "min_samples_leaf": 20,
    "subsample": 0.6,
    "max_features": 0.4,
    "random_state": 0,
}
"""Small trees, each on a part of pairs and columns: chosen on the development side (decision 12)."""

MOST_ALIKE = {"pivots.best": 0.8}
"""Agreement with another way beyond which it tells nothing more: the text is that way's own, or it with a few edits."""
GIVING_AWAY = ("pivots.mean", "pivots.same")
"""Columns that no fit reads: they tell an engine's own text from the same with an edit, and not which is better."""

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Labelled:
    """Pairs that are known to be good or bad.

    Attributes:
        pairs: The pairs; their clusters say which depend on each other.
        accepted: Whether a native reader accepts each [pairs].
        quality: A finer figure where there is one, such as chrF to the reference [pairs]; NaN elsewhere.
        is_extra: Pairs of another kind of text [pairs]: they help to fit, but probabilities are calibrated and
            figures are taken on the others.
        definition: How the labels came to be.
        chances: With which each was drawn, above 0 to 1 [pairs]; ``None`` where nobody says.
        sources: The kind of data that each is of [pairs]; empty: all are of one.
        kinds: The same in finer parts, such as a source and an engine [pairs]; empty: as the sources.
        counts: What each pair counts beside the others of its source [pairs]; ``None``: all alike.
    """

    pairs: Sequence[Pair]
    accepted: BoolArray
    quality: FloatArray
    is_extra: BoolArray
    definition: str
    chances: FloatArray | None = None
    sources: Sequence[str] = ()
    kinds: Sequence[str] = ()
    counts: FloatArray | None = None

    @property
    def has_sources(self) -> bool:
        """Whether there are enough sources to leave each out in turn."""
        return len(set(self.sources)) >= FEWEST_SOURCES

    @property
    def weights(self) -> FloatArray:
        """What each pair counts: all sources alike, and within one as `counts` say [pairs]."""
        counts = np.ones(len(self.pairs)) if self.counts is None else self.counts
        return alike(self.sources, counts) if self.has_sources else counts / counts.mean()


def need_scikit_learn() -> None:
    """Check for what only fitting needs.

    Raises:
        MissingDependency: scikit-learn isn't installed.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise MissingDependency(f"fitting needs scikit-learn: {to_install('quality')}")


def fit(
    labelled: Labelled, findings: Findings, provenance: Mapping[str, Any], *, with_quick: bool = True
) -> dict[str, Any]:
    """Fit a model.

    Args:
        labelled: The pairs and their labels.
        findings: Each check's findings about them.
        provenance: What to note about the data and the checks.
        with_quick: Whether to fit one of the quick checks alone, too.

    Returns:
        The content of a calibration file, figures out of fold included.

    Raises:
        InputError: Too few pairs, or too few of one kind.
        MissingDependency: scikit-learn isn't installed.
    """
    need_scikit_learn()
    _check_enough(labelled)
    findings = with_texts(findings, labelled.pairs)
    names, table = _columns(findings)
    model, log_odds = _model(names, table, labelled)
    own = ~labelled.is_extra
    probability = 1 / (1 + np.exp(-log_odds))
    content = {
        "format": FORMAT,
        **{key: value for key, value in model.items() if key != "trees"},
        "provenance": {
            **provenance,
            "labels": labelled.definition,
            "pairs": len(labelled.pairs),
            "extra_pairs": int(labelled.is_extra.sum()),
            "clusters": len({pair.cluster for pair in labelled.pairs}),
            "accepted_share": round(float(labelled.accepted[own].mean()), 4),
            "date": datetime.date.today().isoformat(),
            "model": dict(TREES),
            "versions": {package: importlib.metadata.version(package) for package in ("scikit-learn", "numpy")},
            "folds": len(set(labelled.sources)) if labelled.has_sources else FOLDS,
            "out_of_fold": figures(labelled, probability),
            "reliability": reliability(labelled.accepted[own], probability[own]),
        },
        "trees": model["trees"],
    }
    content["kinds"] = _kinds(labelled, findings, log_odds, content)
    is_quick = np.array([check_of(name) not in (*DEAR, LLM) for name in names])
    if with_quick and is_quick.any() and not is_quick.all():
        quick = [name for name, chosen in zip(names, is_quick, strict=True) if chosen]
        content["quick"], _ = _model(quick, table[:, is_quick], labelled)
    return content


def _model(names: Sequence[str], table: FloatArray, labelled: Labelled) -> tuple[dict[str, Any], FloatArray]:
    """Fit trees and the line behind them on some columns.

    Args:
        names: Of the columns.
        table: What they hold [pairs, columns].
        labelled: The pairs.

    Returns:
        What `Estimate` reads of a model; and each pair's log-odds by a model that saw nothing of its fold [pairs].
    """
    out_of_fold = _out_of_fold(table, labelled)
    slope, intercept = _line(out_of_fold, labelled, ~labelled.is_extra)
    medians = np.nanmedian(table, axis=0)
    base, trees = _written_out(_boosted(imputed(table, medians), labelled.accepted, labelled.weights))
    content = {
        "features": list(names),
        "medians": [round(float(value), 6) for value in medians],
        "base": base,
        "calibration": {"method": "logistic, on predictions out of fold", "slope": slope, "intercept": intercept},
        "trees": trees,
    }
    return content, _calibrated(out_of_fold, labelled)


def by_check(labelled: Labelled, findings: Findings) -> list[dict[str, Any]]:
    """Measure each check by itself and the estimate without it, out of fold.

    Returns:
        For each check its name, and under ``alone`` and ``without`` AUC, low and high ends of its 95% interval.
    """
    need_scikit_learn()
    _check_enough(labelled)
    names, table = _columns(with_texts(findings, labelled.pairs))
    rows = []
    for check in sorted({check_of(name) for name in names}):
        is_own = np.array([check_of(name) == check for name in names])
        row: dict[str, Any] = {"check": check}
        for key, columns in (("alone", is_own), ("without", ~is_own)):
            if columns.any():
                row[key] = _area(labelled, _out_of_fold(table[:, columns], labelled))
        rows.append(row)
    return rows


def figures(labelled: Labelled, probability: FloatArray) -> dict[str, Any]:
    """Measure probabilities against labels, on the pairs that aren't extra.

    Returns:
        ``auc`` with its 95% interval (clusters drawn), ``None`` where all are of one kind; ``spearman`` with
        `Labelled.quality` or ``None``; ``ece``, the expected calibration error over ten bins of equal width.
    """
    from scipy.stats import spearmanr

    own = ~labelled.is_extra
    graded = own & ~np.isnan(labelled.quality)
    varies = graded.any() and np.ptp(labelled.quality[graded]) > 0
    rho = float(spearmanr(labelled.quality[graded], probability[graded]).statistic) if varies else None
    bins = reliability(labelled.accepted[own], probability[own])
    error = sum(row["pairs"] * abs(row["accepted"] - row["estimated"]) for row in bins) / own.sum()
    return {
        "pairs": int(own.sum()),
        "auc": _area(labelled, probability) if 0 < labelled.accepted[own].sum() < own.sum() else None,
        "spearman": None if rho is None else round(rho, 4),
        "ece": round(float(error), 4),
    }


def reliability(accepted: BoolArray, probability: FloatArray) -> list[dict[str, float]]:
    """Compare estimated and true shares in bins of equal width; bins without pairs are left out."""
    places = np.clip((probability * BINS).astype(int), 0, BINS - 1)
    return [
        {
            "from": place / BINS,
            "to": (place + 1) / BINS,
            "pairs": int((places == place).sum()),
            "estimated": round(float(probability[places == place].mean()), 4),
            "accepted": round(float(accepted[places == place].mean()), 4),
        }
        for place in range(BINS)
        if (places == place).any()
    ]


def _area(labelled: Labelled, scores: FloatArray) -> dict[str, float]:
    own = ~labelled.is_extra
    statistic: Statistic = auc_of(labelled.accepted[own], scores[own])
    clusters = [pair.cluster for pair, counts in zip(labelled.pairs, own, strict=True) if counts]
    interval = cluster_bootstrap(statistic, clusters, bounds=(0.0, 1.0))
    return {key: round(getattr(interval, key), 4) for key in ("value", "low", "high")}


def _columns(findings: Findings) -> tuple[list[str], FloatArray]:
    """Return the columns that say anything, and their table [pairs, columns]."""
    names = [name for name in feature_names(findings) if name not in GIVING_AWAY]
    table = matrix(findings, names)
    for column, name in enumerate(names):
        if name in MOST_ALIKE:
            table[:, column] = np.minimum(table[:, column], MOST_ALIKE[name])
    known = np.flatnonzero((~np.isnan(table)).any(axis=0))
    return [names[column] for column in known], table[:, known]


def _folds(labelled: Labelled) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the places that a fold's model sees, and those that it is asked about."""
    if labelled.has_sources:
        yield from left_out(labelled.sources)
        return
    from sklearn.model_selection import GroupKFold

    clusters = np.array([pair.cluster for pair in labelled.pairs])
    yield from GroupKFold(FOLDS).split(clusters, groups=clusters)


def _out_of_fold(table: FloatArray, labelled: Labelled) -> FloatArray:
    """Return each pair's log-odds by a model that saw no pair of its cluster, or of its source [pairs]."""
    predicted, weights = np.full(len(table), np.nan), labelled.weights
    for seen, unseen in _folds(labelled):
        with np.errstate(all="ignore"):
            medians = np.array([np.nanmedian(column) if not np.isnan(column).all() else 0 for column in table[seen].T])
        model = _boosted(imputed(table[seen], medians), labelled.accepted[seen], weights[seen])
        predicted[unseen] = model.decision_function(imputed(table[unseen], medians))
    return predicted


def _calibrated(log_odds: FloatArray, labelled: Labelled) -> FloatArray:
    """Put log-odds out of fold on the line; where whole sources are left out, on that of the other sources [pairs]."""
    own = ~labelled.is_extra
    if not labelled.has_sources:
        slope, intercept = _line(log_odds, labelled, own)
        return slope * log_odds + intercept
    found = np.empty_like(log_odds)
    for seen, unseen in left_out(labelled.sources):
        others = own & np.isin(np.arange(len(own)), seen)
        slope, intercept = _line(log_odds, labelled, others)
        found[unseen] = slope * log_odds[unseen] + intercept
    return found


def _kinds(labelled: Labelled, findings: Findings, log_odds: FloatArray, content: Mapping[str, Any]) -> dict[str, Any]:
    """Describe what kinds of data were fitted on."""
    columns = [name for name in COLUMNS if name in content["features"]]
    everything = ["all"] * len(labelled.pairs)
    sources = list(labelled.sources) or everything
    estimate = Estimate({**content, "kinds": None})
    return kinds_of(
        matrix(findings, columns),
        columns,
        list(labelled.kinds) or sources,
        sources,
        log_odds,
        labelled.accepted,
        estimate.contributions(findings),
    )


def _boosted(table: NDArray[np.float32], accepted: BoolArray, weights: FloatArray) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(**TREES).fit(table, accepted, sample_weight=weights)


def _line(log_odds: FloatArray, labelled: Labelled, some: BoolArray) -> tuple[float, float]:
    """Fit Platt's line with his smoothed targets, that is, with a pair of either kind added (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression(C=1.0)
    line.fit(log_odds[some, None], labelled.accepted[some], sample_weight=labelled.weights[some])
    return round(float(line.coef_[0, 0]), 6), round(float(line.intercept_[0]), 6)


def _written_out(model: Any) -> tuple[float, list[dict[str, list[float]]]]:
    """Return the mean log-odds over the training pairs, and the trees."""
    prior = float(model.init_.class_prior_[1])
    base, trees = float(np.log(prior / (1 - prior))), []
    for (regressor,) in model.estimators_:
        tree, rate = regressor.tree_, model.learning_rate
        value = tree.value[:, 0, 0] * rate
        for node in reversed(range(tree.node_count)):
            left, right = tree.children_left[node], tree.children_right[node]
            if left >= 0:
                value[node] = np.average(value[[left, right]], weights=tree.weighted_n_node_samples[[left, right]])
        base += float(value[0])
        trees.append(
            {
                "feature": [
                    int(f) if left >= 0 else -1 for f, left in zip(tree.feature, tree.children_left, strict=True)
                ],
                "threshold": [round(float(t), 7) for t in tree.threshold],
                "left": tree.children_left.tolist(),
                "right": tree.children_right.tolist(),
                "value": [round(float(v), 6) for v in value],
            }
        )
    return base, trees


def _check_enough(labelled: Labelled) -> None:
    own = labelled.accepted[~labelled.is_extra]
    counts = int(own.sum()), int((~own).sum())
    clusters = {pair.cluster for pair in labelled.pairs}
    if len(own) < FEWEST or min(counts) < FEWEST // 10 or len(clusters) < FOLDS:
        raise InputError(
            f"{len(own)} labelled pairs, {counts[0]} accepted and {counts[1]} not, of {len(clusters)} clusters: too "
            f"few to fit. Give at least {FEWEST}, {FEWEST // 10} of either kind, of {FOLDS} clusters or more."
        )
