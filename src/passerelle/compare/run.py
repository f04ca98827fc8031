"""`passerelle compare`: from an experiment to its results and its page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from passerelle.compare.arms import ARMS, ArmRun, Bench
from passerelle.compare.data import Data, prepare
from passerelle.compare.results import collect, test_counts
from passerelle.compare.reviewed import review_change
from passerelle.config import Experiment
from passerelle.progress import Progress, quiet, say
from passerelle.runs import cache_folder, held, remove_leftovers, write_json


def compare(experiment: Experiment, folder: Path) -> dict[str, Any]:
    """Run an experiment, or as much of it as isn't done yet, and write ``results.json`` and ``report.html``.

    Args:
        experiment: What to run.
        folder: The run folder; arms that are done in it aren't run again.

    Returns:
        The results, as in ``results.json``.

    Raises:
        UserError: Something that the user can put right, before anything is lost.
        StorageError: The disk is full.
    """
    with held(folder):
        remove_leftovers(folder)
        return _compare(experiment, folder)


def _compare(experiment: Experiment, folder: Path) -> dict[str, Any]:
    quiet()
    start = time.perf_counter()
    bench = open_bench(experiment, folder)
    say(f"{test_counts(bench.data)} in the test, {len(bench.data.train)} training pictures")
    runs: list[ArmRun] = []
    for name in experiment.arms:
        for seed in experiment.seeds if ARMS[name].method else experiment.seeds[:1]:
            began = time.perf_counter()
            runs.append(bench.run(name, seed))
            say(f"{name} (seed {seed}): done in {time.perf_counter() - began:.0f} s")
    say("scores and intervals")
    results = collect(bench, runs)
    results["review"] = review_change(bench, runs)
    results["wall_seconds"] = round(time.perf_counter() - start, 1)
    write_json(folder / "results.json", results)
    from passerelle.report import write_page

    write_page(results, folder, folder / "report.html")
    return results


def open_bench(experiment: Experiment, folder: Path) -> Bench:
    """Prepare data, base and vision features."""
    from passerelle.example.embedded import assemble
    from passerelle.models.features import FeatureCache
    from passerelle.models.vlm import VisionLanguageModel

    data = prepare(experiment, folder)
    pictures = _needed(data)
    base = assemble()
    cache = FeatureCache(VisionLanguageModel.load(base), cache_folder() / "features")
    with Progress("vision features", "picture") as progress:
        features = cache.get([p.path for p in pictures], progress)
    rows = {picture.id: row for row, picture in enumerate(pictures)}
    return Bench(data, base, features, rows, folder)


def _needed(data: Data) -> list[Any]:
    """Return the pictures whose features the experiment's arms look at."""
    trained = any(ARMS[name].method for name in data.experiment.arms)
    return [*(data.train if trained else []), *data.test]
