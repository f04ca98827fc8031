"""What a report shows, as records: the plain results after a tolerant reading (see `parse.py`).

A number that wasn't measured, or that isn't finite, is ``None`` everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ENGLISH = "english"
HUMAN_TEST = "human test"
PIPELINE = "pipeline"
ZERO_SHOT = "zero-shot"


@dataclass(frozen=True)
class Score:
    """One metric of one arm on one test, with its interval.

    Attributes:
        metric: Name of the metric, for example ``choice-random``.
        test: Who made the questions: ``human``, ``machine`` or ``english``.
        value: The score, in `unit`.
        low: Lower end of the interval.
        high: Upper end of the interval.
        items: Number of questions.
        pictures: Number of pictures that the questions are about.
        unread: Number of answers that couldn't be read, and count as wrong.
        unread_share: The same in percent of all answers, with the ends of its interval; ``None`` where nothing had to
            be read.
        unit: ``%`` or empty.
        higher_is_better: ``None`` where the metric has no good direction.
        signature: How it was measured, to compare with other runs.
        seed: Seed of the run; ``None`` for the mean over seeds.
    """

    metric: str
    test: str
    value: float | None
    low: float | None = None
    high: float | None = None
    items: float | None = None
    pictures: float | None = None
    unread: float | None = None
    unit: str = "%"
    higher_is_better: bool | None = True
    signature: str = ""
    seed: int | None = None
    unread_share: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Phase:
    """What one phase of an arm cost."""

    name: str
    seconds: float | None = None
    flops: float | None = None
    peak_bytes: float | None = None
    tokens: float | None = None
    shared_by: float | None = None
    processor_seconds: float | None = None
    device_seconds: float | None = None
    written_bytes: float | None = None


@dataclass(frozen=True)
class Amounts:
    """What making an arm, asking it, or measuring it takes alone, and what was paid of that here.

    Attributes:
        seconds: By the wall clock.
        processor_seconds: Of processors, over all cores.
        device_seconds: Of an accelerator.
        flops: Floating-point operations.
        tokens: Tokens of the language model.
        euros: By the table of prices, from processor, device and people's time.
        watt_hours: An estimate of the energy.
        expert_minutes: Of people.
        paid_seconds: What of `seconds` was spent here.
        paid_processor_seconds: What of `processor_seconds` was.
        paid_euros: What of `euros` was.
        others_cores: How many cores other processes kept busy meanwhile.
        clock_holds: Whether they left the machine to it; ``None`` where that isn't known.
        p50_seconds: How long one waits for an answer that is asked for by itself.
        p95_seconds: How long for the slowest of twenty.
        asked_by_themselves: From how many answers that is known.
    """

    seconds: float | None = None
    processor_seconds: float | None = None
    device_seconds: float | None = None
    flops: float | None = None
    tokens: float | None = None
    euros: float | None = None
    watt_hours: float | None = None
    expert_minutes: float | None = None
    paid_seconds: float | None = None
    paid_processor_seconds: float | None = None
    paid_euros: float | None = None
    others_cores: float | None = None
    clock_holds: bool | None = None
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    asked_by_themselves: float | None = None


@dataclass(frozen=True)
class Cost:
    """What an arm costs alone; `seconds`, `paid_seconds`, `flops` are sums of all, in results of older versions only.

    Attributes:
        phases: Phase by phase.
        make: Making it.
        asking: A thousand answers.
        measuring: All its answers here.
    """

    phases: tuple[Phase, ...] = ()
    make: Amounts | None = None
    asking: Amounts | None = None
    measuring: Amounts | None = None
    seconds: float | None = None
    paid_seconds: float | None = None
    flops: float | None = None
    peak_bytes: float | None = None
    seconds_per_answer: float | None = None
    sentences_translated: float | None = None
    characters_translated: float | None = None
    engine_eur: float | None = None
    trainable_parameters: float | None = None


@dataclass(frozen=True)
class Look:
    """What was seen on held samples after a step; see `passerelle.adaptation.alarms`."""

    step: float
    target_loss: float | None = None
    english_loss: float | None = None
    english_drop: float | None = None
    fidelity: float | None = None
    answer: str = ""


@dataclass(frozen=True)
class Stage:
    """One training stage; `loss` holds pairs of step and loss, `looks` what alarms saw, `stopped` why it ended."""

    name: str
    samples: float | None = None
    tokens: float | None = None
    steps: float | None = None
    learning_rate: float | None = None
    loss: tuple[tuple[float, float], ...] = ()
    looks: tuple[Look, ...] = ()
    stopped: str = ""


@dataclass(frozen=True)
class Arm:
    """One arm of the comparison.

    Attributes:
        name: Short name, for example ``lora-mt``.
        title: Name for a reader.
        description: One line on what it does.
        trained_on: ``machine``, ``repaired``, ``human-translation``, ``native``, ``elsewhere`` where it isn't known, or
            ``None`` where nothing was trained.
        is_untrained: Whether the results say that nothing was trained (a missing field says nothing).
        failed: Whether it failed.
        error: Why it failed.
        seeds: Seeds that it ran with.
        scores: Scores over all seeds.
        seed_scores: Scores of each seed.
        cost: What it cost.
        stages: Its training stages.
        main_test: Who made the questions that it is judged by: ``human``, unless all are a machine's.
        translated_by: Signatures of the engines by whose work it answered.
    """

    name: str
    title: str
    description: str = ""
    trained_on: str | None = None
    is_untrained: bool = False
    failed: bool = False
    error: str = ""
    seeds: tuple[int, ...] = ()
    scores: tuple[Score, ...] = ()
    seed_scores: tuple[Score, ...] = ()
    cost: Cost = field(default_factory=Cost)
    stages: tuple[Stage, ...] = ()
    main_test: str = "human"
    translated_by: tuple[str, ...] = ()

    def score(self, metric: str, test: str = "") -> Score | None:
        """Find a score that has a value, on the main test unless told otherwise; ``None`` where it wasn't measured."""
        wanted = (metric, test or self.main_test)
        return next((s for s in self.scores if (s.metric, s.test) == wanted and s.value is not None), None)

    def value(self, metric: str, test: str = "") -> float | None:
        """Find the value of a score; ``None`` where it wasn't measured."""
        score = self.score(metric, test)
        return None if score is None else score.value


@dataclass(frozen=True)
class Difference:
    """A paired difference: `arm` minus `against`, in the metric's unit."""

    arm: str
    against: str
    metric: str
    test: str
    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    holm_p: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def is_separable(self) -> bool:
        """Whether the interval excludes zero and Holm's correction, where made, leaves p below 0.05."""
        return self.excludes_zero and (self.holm_p is None or self.holm_p < 0.05)

    def reversed(self) -> Difference:
        """Return the same comparison seen from the other arm."""
        return Difference(
            arm=self.against,
            against=self.arm,
            metric=self.metric,
            test=self.test,
            value=None if self.value is None else -self.value,
            low=None if self.high is None else -self.high,
            high=None if self.low is None else -self.low,
            p=self.p,
            holm_p=self.holm_p,
        )


@dataclass(frozen=True)
class Contents:
    """Everything that a report shows, but for the examples (see `examples.py`); `damage`: what of it can't be read."""

    name: str
    created: str
    target: str
    target_name: str
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    differences: tuple[Difference, ...]
    raw: Mapping[str, Any]
    damage: tuple[str, ...] = ()

    @property
    def main_test(self) -> str:
        """Who made the questions that arms are judged by: ``human``, or ``machine``."""
        return "machine" if self.raw.get("main_test") == "machine" else "human"

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a reader has to know of the tests: what couldn't be asked or read, which a machine translated."""
        found = self.raw.get("notes")
        return tuple(str(note) for note in found) if isinstance(found, list | tuple) else ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what whoever sees a headline score has to know: what is missing, what couldn't be read."""
        found = self.raw.get("warnings")
        return (*self.damage, *(str(each) for each in found)) if isinstance(found, list | tuple) else self.damage

    @property
    def test_name(self) -> str:
        """Return what the test that arms are judged by is called in a sentence."""
        found = self.raw.get("test_name")
        return found if isinstance(found, str) else HUMAN_TEST

    def metrics(self, kind: str) -> tuple[str, ...]:
        """Return the ``key_metrics`` or ``headline_metrics``: those that the results name, or all that there are."""
        named = self.raw.get(kind)
        if isinstance(named, list | tuple):
            return tuple(str(name) for name in named)
        return tuple(dict.fromkeys(score.metric for arm in self.arms for score in arm.scores))

    def arm(self, name: str) -> Arm | None:
        """Find an arm by its name."""
        return next((arm for arm in self.arms if arm.name == name), None)

    def title(self, name: str) -> str:
        """Return an arm's title, or its name where it has none."""
        arm = self.arm(name)
        return arm.title if arm else name

    def difference(self, arm: str, against: str, metric: str, test: str = "") -> Difference | None:
        """Find a paired difference, turned round where it was stored the other way; on the main test unless told."""
        for found in self.differences:
            if (found.metric, found.test) != (metric, test or self.main_test) or found.value is None:
                continue
            if (found.arm, found.against) == (arm, against):
                return found
            if (found.arm, found.against) == (against, arm):
                return found.reversed()
        return None

    @property
    def has_ledger(self) -> bool:
        """Whether the results tell making, asking and measuring apart, as those of older versions don't."""
        return any(arm.cost.make or arm.cost.asking for arm in self.arms)

    @property
    def on_device(self) -> bool:
        """Whether an accelerator did the work that arms are ranked by; else processors did."""
        costs = [cost for arm in self.arms for cost in (arm.cost.make, arm.cost.asking) if cost]
        return any(cost.device_seconds for cost in costs)

    def computing(self, amounts: Amounts | None) -> float | None:
        """Return the time that doesn't depend on who else was on the machine: the accelerator's, or processors'."""
        if amounts is None:
            return None
        return amounts.device_seconds if self.on_device else amounts.processor_seconds

    def adapted_arms(self) -> tuple[Arm, ...]:
        """Return the arms that answer in the target language: all but the English reference."""
        return tuple(arm for arm in self.arms if arm.name != ENGLISH)
