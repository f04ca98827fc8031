"""Fit the trees that choose among candidates in repair, on Tux Paint's training side, and measure them.

    python benchmarks/repair_choice.py [--out src/passerelle/data/choice-en-fr.json]

Prints JSON: corpus chrF of the usual pivot, of the choice and of an oracle, for the training side out of fold and for
the development side; and how far a phrase must be ahead so that fewer than one in ten that change is worse, out of
fold on the training side. The test side isn't looked at; `benchmarks/repair.py` measures the whole repair.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import GroupKFold

from passerelle.evaluation.metrics.captions import chrf_from_sums, chrf_statistics
from passerelle.example import splits, tuxpaint
from passerelle.quality.assessor import Assessor
from passerelle.quality.base import Pair
from passerelle.quality.checks.registry import CHECKS, build_checks
from passerelle.quality.engines import Engines
from passerelle.quality.estimate.features import feature_names, matrix
from passerelle.quality.evidence.freedict import WordTable
from passerelle.quality.repair.candidates import Candidate, Pool
from passerelle.quality.repair.choice_trees import FORMAT, tabulate
from passerelle.quality.repair.choose import features
from passerelle.quality.repair.verdict import LEAST_VOTES
from passerelle.quality.store import AssessmentStore
from passerelle.records import Picture
from passerelle.runs import cache_folder, write_atomically

TREES = {
    "n_estimators": 150,
    "max_depth": 3,
    "learning_rate": 0.05,
    "min_samples_leaf": 20,
    "subsample": 0.6,
    "max_features": 0.4,
    "random_state": 0,
}
FOLDS = 5
MOST_WORSE = 0.1
"""Share of the changed texts that may be worse than before, its standard error added."""
HAIR = 1.0
"""Points of chrF below which a text isn't worse."""
LEADS = range(0, 41)


def read_pools() -> tuple[list[Picture], list[list[Candidate]], list[bool], list[str], np.ndarray, np.ndarray]:
    """Return pictures of both sides, pools, which are phrases, the checks' figures, their medians and the table."""
    sides = splits.stored()
    found = tuxpaint.read_pictures("fr", cache_folder() / "pictures" / "stamps")
    pictures = [p for p in found if sides.get(p.id) in ("train", "development") and "fr" in p.captions]
    sources = [p.captions["en"].text for p in pictures]
    book = WordTable("en", "fr")
    engines = Engines()
    maker = Pool(engines.through("en", "fr"), book)
    pools = maker.candidates(sources)
    phrases = [maker.is_phrase(source) for source in sources]
    pairs = [Pair(source, one.text) for source, pool in zip(sources, pools, strict=True) for one in pool]
    checks = build_checks("en", "fr", engines, list(CHECKS))
    with AssessmentStore(cache_folder() / "assessments.sqlite") as store:
        findings = Assessor(checks, store).assess(pairs)
    columns = feature_names(findings)
    medians = np.nanmedian(matrix(findings, columns), axis=0)
    own = [features(source, pool, book) for source, pool in zip(sources, pools, strict=True)]
    return pictures, pools, phrases, columns, medians, tabulate(pools, own, findings, columns, medians)


def written(model: GradientBoostingRegressor) -> list[dict[str, Any]]:
    """Return the trees as lists; an inner node's value is the mean of the leaves below it."""
    trees = []
    for (regressor,) in model.estimators_:
        tree = regressor.tree_
        value = tree.value[:, 0, 0] * model.learning_rate
        for node in reversed(range(tree.node_count)):
            below = [tree.children_left[node], tree.children_right[node]]
            if below[0] >= 0:
                value[node] = np.average(value[below], weights=tree.weighted_n_node_samples[below])
        inner = tree.children_left >= 0
        trees.append(
            {
                "feature": np.where(inner, tree.feature, -1).tolist(),
                "threshold": [round(float(each), 7) for each in tree.threshold],
                "left": tree.children_left.tolist(),
                "right": tree.children_right.tolist(),
                "value": [round(float(each), 6) for each in value],
            }
        )
    return trees


def least_lead(
    pools: list[list[Candidate]], scores: np.ndarray, chrf: np.ndarray, numbers: list[int]
) -> dict[str, float]:
    """Return the smallest lead with which few enough of the phrases that change are worse than before.

    Args:
        pools: All candidates; the first is the text that stands.
        scores: Out of fold [candidates].
        chrf: To the human translation [candidates].
        numbers: Which pools are phrases of the training side.
    """
    starts = np.cumsum([0, *map(len, pools)])
    made = []
    for n in numbers:
        ours = scores[starts[n] : starts[n + 1]]
        best = int(np.argmax(ours))
        one = pools[n][best]
        if best and not (one.way in ("fixed", "composed") and one.votes <= LEAST_VOTES):
            made.append((ours[best] - ours[0], chrf[starts[n] + best] - chrf[starts[n]]))
    for lead in LEADS:
        worse = np.array([gain < -HAIR for ahead, gain in made if ahead >= lead])
        share = float(worse.mean())
        if share + np.sqrt(share * (1 - share) / len(worse)) <= MOST_WORSE:
            return {"least_lead": float(lead), "changed": len(worse), "worse": round(share, 3)}
    raise SystemExit("whatever the lead, too many of the changed texts are worse")


def main() -> None:
    """Fit, measure, print, and write the trees if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="where to write the trees")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    pictures, pools, phrases, columns, medians, table = read_pools()
    sizes = [len(pool) for pool in pools]
    starts = np.cumsum([0, *sizes])
    place = np.repeat(np.arange(len(pools)), sizes)
    wanted = [p.captions["fr"].text for p in pictures]
    sums = chrf_statistics([one.text for pool in pools for one in pool], [wanted[each] for each in place])
    chrf = chrf_from_sums(sums)
    means = np.array([chrf[starts[n] : starts[n + 1]].mean() for n in range(len(pools))])
    target = chrf - means[place]
    is_train = np.array([splits.stored()[p.id] == "train" for p in pictures])
    rows = np.flatnonzero(is_train[place] & (np.array(sizes)[place] > 1))
    concepts = np.array([p.concept for p in pictures])[place][rows]
    scores = np.zeros(len(table))
    for seen, unseen in GroupKFold(FOLDS).split(rows, groups=concepts):
        fold = GradientBoostingRegressor(**TREES).fit(table[rows[seen]], target[rows[seen]])
        scores[rows[unseen]] = fold.predict(table[rows[unseen]])
    numbers = [n for n in np.flatnonzero(is_train) if phrases[n]]
    lead = least_lead(pools, scores, chrf, numbers)
    model = GradientBoostingRegressor(**TREES).fit(table[rows], target[rows])
    development = np.flatnonzero(~is_train[place])
    scores[development] = model.predict(table[development])
    result = {}
    for side, chosen in (("train", is_train), ("development", ~is_train)):
        numbers = np.flatnonzero(chosen)
        picks = {
            "cat pivot": [starts[n] for n in numbers],
            "chosen": [starts[n] + int(np.argmax(scores[starts[n] : starts[n + 1]])) for n in numbers],
            "oracle": [starts[n] + int(np.argmax(chrf[starts[n] : starts[n + 1]])) for n in numbers],
        }
        result[side] = {
            name: round(float(chrf_from_sums(sums[p].sum(axis=0)[None])[0]), 2) for name, p in picks.items()
        }
    print(json.dumps({"captions": len(pictures), "candidates": len(table), **lead, **result}, indent=1))
    if options.out:
        provenance = {
            "data": "Tux Paint stamps, training side: chrF of each candidate to the human French, less its pool's mean",
            "pools": int(is_train.sum()),
            "candidates": len(rows),
            "model": TREES,
            "date": datetime.date.today().isoformat(),
        }
        parts = {
            "format": FORMAT,
            "features": columns,
            "least_lead": lead["least_lead"],
            "medians": [round(float(each), 6) for each in medians],
            "provenance": provenance,
        }
        body = "".join(f'"{key}": {json.dumps(value)},\n' for key, value in parts.items())
        trees = ",\n".join(json.dumps(tree, separators=(",", ":")) for tree in written(model))
        write_atomically(options.out, f'{{\n{body}"trees": [\n{trees}\n]}}\n')


if __name__ == "__main__":
    main()
