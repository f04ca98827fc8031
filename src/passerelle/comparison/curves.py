"""Learning curves: arms at several sizes of data, what each step gains, where they are as good as another arm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from passerelle.comparison.arms import ArmRun
from passerelle.comparison.collect import made_by_seed
from passerelle.comparison.collected import Collected, scored
from passerelle.comparison.settings import Experiment
from passerelle.comparison.untrained import PIPELINE
from passerelle.costs.summary import cost_of
from passerelle.evaluation.results import Everything, Results, Said, headline_of
from passerelle.evaluation.statistics.curves import BEFORE, BEYOND, Curve
from passerelle.evaluation.statistics.figures import pooled

Row = dict[str, Any]


def smaller_sizes(experiment: Experiment, runs: Sequence[ArmRun]) -> list[tuple[str, int]]:
    """Return the arms and sizes that are trained for curves beside the arms themselves, which have the last."""
    return [(run.name, size) for run in runs if not run.error for size in experiment.sizes(run.name)[:-1]]


def levels_of(experiment: Experiment) -> list[str]:
    """Return the arms that a curve may cross: pipelines, and what all are held against, unless that has a curve too."""
    names = [name for name in experiment.arms if experiment.method(name) == PIPELINE]
    return [name for name in dict.fromkeys((*names, experiment.reference)) if not experiment.sizes(name)]


@dataclass
class CurveStudy:
    """Looks at the answers of an evaluation for what curves are made of.

    Attributes:
        experiment: The settings.
        runs: All that was trained, the arms and the smaller ones.
        steps: What each step gains, by arm.
        crossings: Where each arm comes to be as good as another, by arm.
    """

    experiment: Experiment
    runs: Sequence[ArmRun]
    steps: dict[str, list[Row]] = field(default_factory=dict)
    crossings: dict[str, list[Row]] = field(default_factory=dict)

    def __call__(self, said: Everything, results: Results) -> None:
        """Look at everything that was said in the target language."""
        for arm in self.experiment.arms:
            ladder = ladder_of(self.experiment, arm, self.runs)
            asked = {samples: said[run.system] for samples, run in ladder.items() if run.system in said}
            for benchmark in next(iter(asked.values()), {}):
                at = {samples: benchmarks[benchmark] for samples, benchmarks in asked.items()}
                levels = {name: said[name][benchmark] for name in levels_of(self.experiment) if name in said}
                self._look(arm, benchmark, at, levels, results)

    def _look(
        self,
        arm: str,
        benchmark: str,
        asked: Mapping[int, Mapping[str, Said]],
        levels: Mapping[str, Mapping[str, Said]],
        results: Results,
    ) -> None:
        code = self.experiment.target
        at = {samples: spoken[code] for samples, spoken in asked.items() if code in spoken}
        others = {name: spoken[code] for name, spoken in levels.items() if code in spoken}
        ids = set.intersection(*(each.answered() for each in (*at.values(), *others.values()))) if at else set()
        parser = results.parser(benchmark, code)
        rows = {samples: headline_of(each.measures(ids), parser) for samples, each in at.items()} if ids else {}
        known = {samples: row for samples, row in rows.items() if row}
        if not known:
            return
        first = next(iter(known.values()))[0]
        seeds = min(map(len, known.values()))
        statistics = [[measure.statistic for measure in row[:seeds]] for row in known.values()]
        curve = Curve.of(tuple(known), statistics, first.clusters)
        if math.isnan(sum(curve.values)):
            return
        what = {"benchmark": benchmark, "unit": first.unit}
        for (start, end), gain in zip(_pairs(curve.sizes), curve.steps(), strict=True):
            difference = {"difference": gain.value, "low": gain.low, "high": gain.high}
            self.steps.setdefault(arm, []).append({**what, "from": start, "to": end, **difference})
        for name, each in others.items():
            if other := headline_of(each.measures(ids), parser):
                crossed = _crossed(curve, pooled(other))
                self.crossings.setdefault(arm, []).append({**what, "against": name, **crossed})


def _pairs(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(sizes, sizes[1:], strict=False)


def _crossed(curve: Curve, level: Any) -> Row:
    found = curve.crossing(level)
    ends = {"value": found.value, "low": found.low, "high": found.high}
    words = {BEFORE: "before", BEYOND: "beyond"}
    return {
        **{name: None if end in words else end for name, end in ends.items()},
        "where": {name: words.get(end, "within") for name, end in ends.items()},
        "share": found.share,
        "last": {"difference": found.last.value, "low": found.last.low, "high": found.last.high},
    }


def ladder_of(experiment: Experiment, arm: str, runs: Sequence[ArmRun]) -> dict[int, ArmRun]:
    """Return what was trained of an arm with a curve by the number of examples that it had, rising.

    Sizes that are larger than the data are one: the largest.
    """
    own = [run for run in runs if run.name == arm and run.records and not run.error] if experiment.sizes(arm) else []
    return dict(sorted((samples_of(experiment, run), run) for run in sorted(own, key=_size)))


def _size(run: ArmRun) -> float:
    return BEYOND if run.size is None else run.size


def samples_of(experiment: Experiment, run: ArmRun) -> int:
    """Return how many examples an arm with a curve was trained on."""
    used = [record["samples"]["used"] for record in run.records.values() if "samples" in record]
    return max(used, default=run.size or experiment.sizes(run.name)[-1])


def curves_of(found: Collected, study: CurveStudy) -> list[Row]:
    """Return the learning curves of a comparison, as plain JSON types; none where no arm has budgets."""
    experiment = found.experiment
    return [
        {
            "arm": name,
            "points": [_point(found, run) for run in _points(found, name)],
            "steps": [_named(found, row) for row in study.steps.get(name, ())],
            "crossings": [_named(found, row) for row in study.crossings.get(name, ())],
        }
        for name in experiment.arms
        if experiment.sizes(name)
    ]


def _points(found: Collected, arm: str) -> list[ArmRun]:
    return sorted((run for run in (*found.smaller, *found.runs) if run.name == arm), key=_size)


def _point(found: Collected, run: ArmRun) -> Row:
    experiment = found.experiment
    made = cost_of(made_by_seed(found, run), {}, experiment.target)["make"] if run.records and not run.error else None
    return {
        "budget": run.size or experiment.sizes(run.name)[-1],
        "samples": samples_of(experiment, run) if run.records else None,
        "seeds": list(run.records),
        "status": "left out" if run.left_out else "failed" if run.error else "done",
        "error": run.error or None,
        **scored(found, run),
        "make": made,
    }


def _named(found: Collected, row: Row) -> Row:
    """Call a benchmark of the evaluation by its test."""
    test, who = found.asked(row["benchmark"], found.experiment.target)
    return {"metric": test, "test": who, **{key: value for key, value in row.items() if key != "benchmark"}}
