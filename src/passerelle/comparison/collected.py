"""What a comparison is known by: its tests, and the scores of each arm on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passerelle.comparison.arms import ArmRun
from passerelle.comparison.settings import Experiment
from passerelle.comparison.tests import PlannedTest
from passerelle.comparison.texts import Texts
from passerelle.translation.both_ways import ENGLISH

Row = Mapping[str, Any]
KEY_METRICS = ("fidelity", "auc", "chrf")
"""Metrics that have a column beside a test's own."""
MOST_SUBTASKS = 3
"""A test with more parts than this shows them among all scores only."""


@dataclass(frozen=True)
class Collected:
    """All that results are made of.

    Attributes:
        experiment: The settings.
        folder: The run folder.
        runs: What became of each arm.
        tests: What was asked.
        texts: What was learnt from.
        evaluation: What `passerelle.evaluation.run.evaluate` returned.
        smaller: What became of the smaller arms of learning curves.
    """

    experiment: Experiment
    folder: Path
    runs: Sequence[ArmRun]
    tests: Sequence[PlannedTest]
    texts: Texts
    evaluation: Row
    smaller: Sequence[ArmRun] = ()

    @property
    def main_test(self) -> str:
        """Who made the questions that arms are judged by: people, unless all of them are a machine's."""
        return "human" if any(self.in_peoples_words(test) for test in self.tests) else "machine"

    def in_peoples_words(self, test: PlannedTest) -> bool:
        """Whether people wrote a test in the target language."""
        target = self.experiment.target
        return test.people is not None and any(source.language == target for source in test.people.sources)

    def asked(self, benchmark: str, spoken: str) -> tuple[str, str]:
        """Return the test that a benchmark of the evaluation is, and who made its questions."""
        for test in self.tests:
            if test.machine is not None and benchmark == test.machine.name:
                return test.name, "machine"
        return benchmark, "english" if spoken == ENGLISH else "human"


def key_metrics(found: Collected) -> list[str]:
    """Return the metrics that have a column of their own."""
    keys = [
        _metric(found, figure)
        for figure in found.evaluation["figures"]
        if figure["language"] == found.experiment.target and _is_key(found, figure)
    ]
    return list(dict.fromkeys(keys))


def _is_key(found: Collected, figure: Row) -> bool:
    if not figure["used"]:
        return False
    if figure["subtask"]:
        return _is_own(found, figure) and _subtasks(found, figure["benchmark"]) <= MOST_SUBTASKS
    return bool(figure["headline"] or figure["metric"] in KEY_METRICS)


def _subtasks(found: Collected, benchmark: str) -> int:
    return len({f["subtask"] for f in found.evaluation["figures"] if f["benchmark"] == benchmark} - {""})


def _is_own(found: Collected, figure: Row) -> bool:
    """Whether a figure's metric is the one that its test is known by."""
    known = (
        f["metric"] for f in found.evaluation["figures"] if f["headline"] and f["benchmark"] == figure["benchmark"]
    )
    return bool(figure["metric"] == next(known, None))


def _metric(found: Collected, figure: Row) -> str:
    """Name a figure's metric: a test's own by the test, its parts behind a colon."""
    test, _ = found.asked(figure["benchmark"], figure["language"])
    name = test if _is_own(found, figure) else f"{test} {figure['metric']}"
    return f"{name}: {figure['subtask']}" if figure["subtask"] else name


def scores_of(found: Collected, system: str, spoken: str) -> Iterator[tuple[dict[str, Any], Sequence[float]]]:
    """Yield the scores of a system in a language, each with those of its seeds."""
    for figure in found.evaluation["figures"]:
        if (figure["system"], figure["language"], figure["used"]) != (system, spoken, True):
            continue
        _, test = found.asked(figure["benchmark"], spoken)
        kept = {key: figure[key] for key in ("value", "low", "high", "unit", "direction", "signature")}
        counts = {"items": figure["units"], "pictures": figure["clusters"], "unread": figure["unmatched"]}
        counts["unread_share"] = figure["unread"]
        score = {"metric": _metric(found, figure), "test": test, **kept, **counts}
        yield score, figure["by_seed"]


def spoken_by(experiment: Experiment, arm: str) -> list[str]:
    """Return the languages in which an arm is asked."""
    also_english = experiment.english and experiment.keeps_english(arm)
    return [experiment.target, ENGLISH] if also_english else [experiment.target]


def scored(found: Collected, run: ArmRun) -> dict[str, Any]:
    """Return the scores of an arm, and those of each of its seeds where there are several."""
    spoken = [] if run.error else spoken_by(found.experiment, run.name)
    pairs = [pair for code in spoken for pair in scores_of(found, run.system, code)]
    return {
        "scores": [score for score, _ in pairs],
        "seed_scores": [
            {**{key: score[key] for key in ("metric", "test", "unit")}, "seed": seed, "value": value}
            for score, by_seed in pairs
            if len(by_seed) > 1
            for seed, value in zip(run.records, by_seed, strict=False)
        ],
    }
