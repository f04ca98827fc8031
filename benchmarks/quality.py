"""How good estimate, audit and repair are on Tux Paint's test side, with the human French as truth.

    python benchmarks/quality.py [--side development] [--pairs 10000]

Prints JSON: AUC, Spearman and calibration error of the estimate that ships; the audit's share beside the true one;
corpus chrF before and after repair, with the oracle of the same pool; seconds by check for so many pairs.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from passerelle.evaluation.metrics.captions import chrf_from_sums, chrf_statistics
from passerelle.evaluation.statistics.significance import corpus_of, paired_difference
from passerelle.example import splits, tuxpaint
from passerelle.quality.assessing import Assess
from passerelle.quality.assessor import Assessor
from passerelle.quality.audit import audit
from passerelle.quality.checks.registry import build_checks
from passerelle.quality.engines import Engines, pivot_engines
from passerelle.quality.estimate.calibrate import Labelled, figures
from passerelle.quality.estimate.calibrated import open_assess
from passerelle.quality.estimate.labels import tux_paint
from passerelle.quality.evidence.freedict import WordTable
from passerelle.quality.repair.candidates import Pool
from passerelle.quality.repair.choice_trees import open_scorer
from passerelle.quality.repair.repair import Repairer
from passerelle.quality.repair.verdict import JUDGE
from passerelle.runs import cache_folder
from passerelle.translation.memory.memory import TranslationMemory


def references(side: str) -> dict[str, str]:
    """Return the human French by English caption of the stamps of a side."""
    sides = splits.stored()
    found = tuxpaint.read_pictures("fr", cache_folder() / "pictures" / "stamps")
    return {p.captions["en"].text: p.captions["fr"].text for p in found if sides.get(p.id) == side}


def repair_figures(labelled: Labelled, truth: dict[str, str], assess: Assess, folder: Path) -> dict[str, Any]:
    """Compare corpus chrF of both pivots, of the repaired captions and of an oracle in the same pool."""
    # Each way's pairs stand together, the usual pivot's first.
    stamps = [pair for pair, extra in zip(labelled.pairs, labelled.is_extra, strict=True) if not extra]
    half = len(stamps) // 2
    usual = {pair.source: pair for pair in stamps[:half]}
    other = {pair.source: pair.target for pair in stamps[half:]}
    pairs = list(usual.values())
    wanted = [truth[pair.source] for pair in pairs]
    pool = Pool(pivot_engines("en", "fr"), WordTable("en", "fr"))
    with TranslationMemory(folder / "memory.sqlite") as memory:
        repaired = Repairer(pool, open_scorer("en", "fr", pool.book), assess, memory, "benchmark").repair(pairs)
    best, pools = [], pool.candidates(list(usual))
    for want, candidates, pair in zip(wanted, pools, pairs, strict=True):
        texts = [pair.target, *(one.text for one in candidates)]
        best.append(texts[int(np.argmax(chrf_from_sums(chrf_statistics(texts, [want] * len(texts)))))])
    tables = {
        "cat pivot": [pair.target for pair in pairs],
        "spa pivot": [other[pair.source] for pair in pairs],
        "repaired": [done.text for done in repaired],
        "oracle": best,
    }
    sums = {name: chrf_statistics(texts, wanted) for name, texts in tables.items()}
    clusters = [pair.cluster for pair in pairs]
    gain = paired_difference(
        corpus_of(sums["repaired"], chrf_from_sums), corpus_of(sums["cat pivot"], chrf_from_sums), clusters
    )
    chrf = {name: round(float(chrf_from_sums(each.sum(axis=0)[None])[0]), 2) for name, each in sums.items()}
    return {
        "captions": len(pairs),
        "candidates": sum(map(len, pools)),
        "chrf": chrf,
        "of the oracle's gain": round(gain.value / (chrf["oracle"] - chrf["cat pivot"]), 3),
        "repaired - cat pivot": {key: round(getattr(gain, key), 3) for key in ("value", "low", "high", "p")},
    }


def audit_figures(labelled: Labelled, truth: dict[str, str], assess: Assess) -> dict[str, Any]:
    """Compare the estimated share of lost pairs with the true one, for the usual pivot's captions."""
    stamps = [pair for pair, extra in zip(labelled.pairs, labelled.is_extra, strict=True) if not extra]
    pairs = stamps[: len(stamps) // 2]
    found = audit(pairs, assess, [truth[pair.source] for pair in pairs]).truth
    assert found is not None
    return {"estimated": vars(found.estimated), "true": vars(found.true)}


def timing(labelled: Labelled, count: int) -> dict[str, Any]:
    """Time all checks on so many different pairs, made of the captions two by two."""
    stamps = [pair for pair, extra in zip(labelled.pairs, labelled.is_extra, strict=True) if not extra]
    both = [(one, other) for shift in range(1, len(stamps)) for one, other in zip(stamps, stamps[shift:], strict=False)]
    many = [
        replace(one, source=f"{one.source} {other.source}", target=f"{one.target} {other.target}", marked=None)
        for one, other in both[:count]
    ]
    assessor = Assessor(build_checks("en", "fr", Engines()))
    began = time.perf_counter()
    assessor.assess(many)
    seconds = {name: round(value, 1) for name, value in assessor.seconds.items()}
    return {"pairs": len(many), "all": round(time.perf_counter() - began, 1), **seconds}


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", default="test")
    parser.add_argument("--pairs", type=int, default=0, help="time all checks on so many made-up pairs, too")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assess = open_assess("en", "fr", store=folder / "assessments.sqlite", more=(JUDGE,))
        labelled, truth = tux_paint(Engines(), "fr", options.side), references(options.side)
        probability = np.array([found.probability for found in assess.estimate(labelled.pairs)])
        result: dict[str, Any] = {"side": options.side, "estimate": figures(labelled, probability)}
        result["audit"] = audit_figures(labelled, truth, assess)
        result["repair"] = repair_figures(labelled, truth, assess, folder)
        if options.pairs:
            result["seconds"] = timing(labelled, options.pairs)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
