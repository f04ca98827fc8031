"""What training an arm will cost, by a few steps of each of its stages that are really taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from passerelle.adaptation.loop import StageRecord
from passerelle.adaptation.plan import plan
from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import AdaptSettings
from passerelle.comparison.planning.amounts import GUESSED, Amounts, total
from passerelle.comparison.planning.texts import StandIns
from passerelle.costs.clocks import Stopwatch, Took
from passerelle.costs.ledger import Phase

STEPS = 6
"""Steps of each stage that are taken, fewer where it has fewer; the first isn't timed, since operations are counted."""


@dataclass(frozen=True)
class Training:
    """What training an arm with one seed will take.

    Attributes:
        stages: Each stage with its features, by the phases' names of the ledger.
        loading: Reading the model and what else isn't a stage's.
        steps: Steps of each stage.
        tried: Steps of each stage that were taken.
        peak_bytes: Highest resident memory of the process while they were.
    """

    stages: dict[str, Amounts]
    loading: Amounts
    steps: tuple[int, ...]
    tried: tuple[int, ...]
    peak_bytes: int


@dataclass
class _Steps:
    """Times the steps of a trial, stage by stage."""

    took: dict[str, list[Took]] = field(default_factory=dict)
    _watch: Stopwatch = field(default_factory=Stopwatch)

    def __call__(self, done: StageRecord) -> None:
        """Count the step that was just taken; the first of a stage began before anything was timed."""
        if done.steps > 1:
            self.took.setdefault(done.name, []).append(self._watch.took())
        self._watch = Stopwatch()


def foresee_training(settings: AdaptSettings, growth: float, scratch: Path) -> Training:
    """Take a few steps of each stage of an adaptation, and foresee all of it by them; nothing of it is kept.

    Args:
        settings: The adaptation.
        growth: Tokens that its real samples have for each of those that stand in for them.
        scratch: A folder that goes when all is known.

    Raises:
        PasserelleError: It can't be trained; what is wrong is what would be wrong then.
    """
    whole = plan(settings)["stages"]
    counts = tuple(min(STEPS, stage["steps"]) for stage in whole)
    few = _for_a_trial(settings, counts, scratch)
    shown, steps, watch = plan(few)["stages"], _Steps(), Stopwatch()
    record = adapt(few, steps)
    took = watch.took()
    found: dict[str, Amounts] = {}
    for row, of, tried in zip(record["stages"], whole, shown, strict=True):
        several = len(whole) > 1
        features = _features(row, of, tried)
        if features.took.seconds or features.flops:
            found[f"features, {row['name']} stage" if several else "features"] = features
        name = f"training, {row['name']} stage" if several else "training"
        found[name] = _stage(row, of, tried, steps.took.get(row["name"], []), settings, growth)
    within = [Phase.read(row[key]) for row in record["stages"] for key in ("took", "features_took")]
    loading = took - _sum(within)
    peak = max(row["peak_bytes"] for row in record["stages"])
    return Training(found, Amounts.of(loading, GUESSED), tuple(stage["steps"] for stage in whole), counts, peak)


def _for_a_trial(settings: AdaptSettings, counts: Sequence[int], scratch: Path) -> AdaptSettings:
    """Return settings that take so many steps of each stage, tell nobody, and look at held samples twice a stage."""
    stages = tuple(
        stage.model_copy(update={"share": float(count)}) for stage, count in zip(settings.stages, counts, strict=True)
    )
    every = max(counts) if settings.alarms.every else 0
    changes: dict[str, Any] = {"stages": stages, "max_steps": sum(counts), "max_tokens": 0, "output_dir": scratch}
    changes |= {"push_to_hub": "", "report_to": (), "alarms": settings.alarms.model_copy(update={"every": every})}
    return settings.model_copy(update=changes)


def _features(row: Mapping[str, Any], whole: Mapping[str, Any], tried: Mapping[str, Any]) -> Amounts:
    """Return what the features of all pictures take, at the rate of those of the trial."""
    phase = Phase.read(row["features_took"])
    if not tried["pictures"]:
        return Amounts()
    found = Amounts.of(_took(phase), GUESSED if phase.seconds else 0.0, flops=phase.flops)
    return found * float(whole["pictures"] / tried["pictures"])


def _stage(
    row: Mapping[str, Any],
    whole: Mapping[str, Any],
    tried: Mapping[str, Any],
    steps: Sequence[Took],
    settings: AdaptSettings,
    growth: float,
) -> Amounts:
    """Return what a stage takes: its steps at their pace, and what goes before them by how many samples it is shown."""
    phase, done = Phase.read(row["took"]), row["record"]
    if not steps:  # a single step: all of it is all that is known
        return Amounts.of(_took(phase), GUESSED, flops=phase.flops, tokens=phase.tokens)
    # A budget in tokens is spent in fewer steps, where these are longer.
    grown = 1.0 if settings.max_tokens and not settings.max_steps else growth
    per_step = done["tokens"] / done["steps"]
    rate = {"tokens": per_step, "flops": done["flops"] / done["steps"]}
    pace = Amounts.about(steps, **rate) * (whole["steps"] * grown)
    first = sum(steps, Took()) * (done["steps"] / len(steps))
    before = _took(phase) - first
    looks = settings.alarms.every and (1 + whole["steps"] / settings.alarms.every) / 2
    ratio = max(whole["shown"] / tried["shown"], looks, 1.0)
    return total([pace, Amounts.of(_positive(before)).within(1.0, ratio)])


def _took(phase: Phase) -> Took:
    return Took(phase.seconds, phase.processor_seconds or 0.0, phase.device_seconds or 0.0)


def _sum(phases: Sequence[Phase]) -> Took:
    """Return the time that some phases took now."""
    found = Took()
    for phase in phases:
        spared = Took(phase.spared_seconds, phase.spared_processor_seconds, phase.spared_device_seconds)
        found = found + (_took(phase) - spared)
    return found


def _positive(took: Took) -> Took:
    return Took(max(0.0, took.seconds), max(0.0, took.processor_seconds), max(0.0, took.device_seconds))


def adaptation_of(texts: StandIns, arm: str, scratch: Path) -> AdaptSettings:
    """Return the settings of a trained arm with the first seed, on its texts or what stands in for them."""
    experiment = texts.experiment
    return experiment.adaptation(arm, experiment.seeds[0], scratch, texts.data(arm))
