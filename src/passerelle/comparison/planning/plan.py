"""`passerelle plan`: what each arm of a comparison will cost, what limits leave out, what its tests can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from passerelle.comparison.arms import ArmRun, systems_of, title_of
from passerelle.comparison.planning.amounts import Amounts, total
from passerelle.comparison.planning.asking import Asked, foresee_asking
from passerelle.comparison.planning.limits import fitting
from passerelle.comparison.planning.power import Power, power_of, read_pilot
from passerelle.comparison.planning.texts import StandIns, foresee_translation
from passerelle.comparison.planning.training import Training, adaptation_of, foresee_training
from passerelle.comparison.run import check
from passerelle.comparison.settings import MACHINE, Experiment
from passerelle.comparison.tests import PlannedTest, in_machines_words, read_plans, translation_of_test
from passerelle.comparison.translating import Made
from passerelle.comparison.untrained import ZERO_SHOT
from passerelle.costs.clocks import Stopwatch, clock_holds
from passerelle.costs.ledger import PER
from passerelle.costs.prices import known_prices, prices
from passerelle.errors import PasserelleError, StorageError, first_line
from passerelle.evaluation.asking.members import System
from passerelle.evaluation.asking.systems import forget_loaded, open_system
from passerelle.evaluation.reading import Test, read_test
from passerelle.evaluation.specification import Named
from passerelle.languages.knowledge import known_languages
from passerelle.models.families import known_families
from passerelle.progress import quiet, say, shown
from passerelle.translation.both_ways import ENGLISH
from passerelle.translation.lent import close_engines

QUESTIONS = 24
"""Questions of each test that every arm is asked, about."""
DIFFERENCE = 2.0
"""Points that one asks whether a test can show them."""


@dataclass(frozen=True)
class PlanOptions:
    """How a plan is made.

    Attributes:
        questions: Questions of each test that every arm is asked, about.
        pilot: An earlier run, whose arms differ as these will; ``None``: the one in the run folder, if it is finished.
        difference: Points that are to be shown.
    """

    questions: int = QUESTIONS
    pilot: Path | None = None
    difference: float = DIFFERENCE


@dataclass
class ArmPlan:
    """What an arm will take, alone: as if nothing were shared with others.

    Attributes:
        name: Its name.
        title: What a reader calls it.
        seeds: How often it is trained and asked.
        smaller: The shares of its examples that smaller budgets have, each of which is trained and asked, too.
        make: What making it takes with one seed, phase by phase, at the last of its budgets.
        loading: What reading the model takes each time, which isn't a phase.
        shared: What it needs that is made once for all arms, and made for it here; nothing where another has it made.
        asked: What asking it takes with one seed.
        expert_minutes: People's work that its texts took, by the table of prices.
        training: What its training is foreseen by.
        error: Why it couldn't be tried.
    """

    name: str
    title: str
    seeds: int = 1
    smaller: tuple[float, ...] = ()
    make: dict[str, Amounts] = field(default_factory=dict)
    loading: Amounts = Amounts()
    shared: Amounts = Amounts()
    asked: Asked = field(default_factory=Asked)
    expert_minutes: float = 0.0
    training: Training | None = None
    error: str = ""

    @property
    def making(self) -> Amounts:
        """What making it takes here: with all seeds and budgets, and what is shared."""
        once = total(self.make.values()) * (1 + sum(self.smaller)) + self.loading * (1 + len(self.smaller))
        return self.shared + once * self.seeds

    @property
    def asking(self) -> Amounts:
        """What asking it takes here: with all seeds and budgets."""
        return self.asked.whole() * ((1 + len(self.smaller)) * self.seeds)

    def to_dict(self, target: str) -> dict[str, Any]:
        """Return it as plain JSON types."""
        thousand, training = self.asked.per(PER, target), self.training
        return {
            "name": self.name,
            "title": self.title,
            "seeds": self.seeds,
            "budgets": 1 + len(self.smaller),
            "make": total(self.make.values()).to_dict(),
            "shared": self.shared.to_dict(),
            "phases": {name: amounts.to_dict() for name, amounts in self.make.items()},
            "per_1000": thousand.to_dict() if thousand else None,
            "measuring": self.asked.whole().to_dict(),
            "here": (self.making + self.asking).to_dict(),
            "expert_minutes": self.expert_minutes,
            "people_eur": prices().euros(0.0, 0.0, self.expert_minutes),
            "peak_bytes": training.peak_bytes if training else None,
            "steps": list(training.steps) if training else [],
            "tried_steps": list(training.tried) if training else [],
            "asked_by_themselves": [round(wait, 4) for wait in self.asked.waits],
            "error": self.error or None,
        }


def plan_comparison(experiment: Experiment, folder: Path, options: PlanOptions | None = None) -> dict[str, Any]:
    """Find out what a comparison will cost and can show; nothing is left in its run folder.

    Args:
        experiment: The comparison.
        folder: Its run folder, which is only looked at.
        options: How.

    Returns:
        The plan, as plain JSON types.

    Raises:
        UserError: Something that the user can put right, as in the comparison itself.
        StorageError: The disk is full.
    """
    quiet()
    with known_families(experiment.families), known_languages(experiment.languages), known_prices(experiment.prices):
        with TemporaryDirectory(prefix="passerelle-plan-") as scratch:
            try:
                return _Planning(experiment, folder, options or PlanOptions(), Path(scratch)).result()
            finally:
                forget_loaded()
                close_engines()


@dataclass
class _Planning:
    """A plan that is being made."""

    experiment: Experiment
    folder: Path
    options: PlanOptions
    scratch: Path
    notes: list[str] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        watch = Stopwatch()
        check(self.experiment, self.texts)
        arms = [self._arm(name) for name in self.experiment.arms]
        translating = self._translating_tests()
        beside = translating + self._english()
        whole = total([beside, *(arm.making + arm.asking for arm in arms)])
        spent = watch.took()
        if not clock_holds(spent.seconds, spent.others_core_seconds):
            self.notes.append("Others used the machine meanwhile: times by the clock are those of a busy machine.")
        if missing := [arm.name for arm in arms if arm.error]:
            self.notes.append(f"Not in the sum, for they couldn't be tried: {', '.join(missing)}.")
        if self.experiment.reader:
            self.notes.append("What the reader of answers takes isn't foreseen: how many it must read isn't known yet.")
        target = self.experiment.target
        return {
            "name": self.experiment.name,
            "target": target,
            "arms": [arm.to_dict(target) for arm in arms],
            "tests_translation": translating.to_dict(),
            "whole": whole.to_dict(),
            "limits": fitting(self.experiment.limits, self.folder, beside, _steps(self.experiment, arms)),
            "difference": self.options.difference,
            "power": [power.to_dict() for power in self._powers()],
            "tried": {"seconds": spent.seconds, "processor_seconds": spent.processor_seconds},
            "notes": [*self.notes, *self.texts.notes],
            "prices_as_of": prices().as_of,
        }

    @cached_property
    def texts(self) -> StandIns:
        scratch = self.scratch / "texts"
        scratch.mkdir()
        return StandIns(self.experiment, self.folder, scratch=scratch)

    @cached_property
    def planned(self) -> list[PlannedTest]:
        return read_plans(self.experiment, self.scratch)

    @cached_property
    def tests(self) -> list[Test]:
        """All that is asked, each in one language; of machine's words the English ones."""
        found = []
        for entry, test in zip(self.experiment.tests, self.planned, strict=True):
            plans = list(test.plans[:1] if test.people else ())
            if test.machine:
                places = [self._translated(entry, place) for place in test.machine.sources[0].places]
                plans.append(in_machines_words(self.experiment, test.machine, test.name, places))
            pictures = self.scratch / "pictures"
            found += [
                read_test(plan, source, pictures, with_pictures=True) for plan in plans for source in plan.sources
            ]
        return found

    def _translated(self, entry: Any, place: str) -> str:
        known = Made.known(translation_of_test(self.experiment, entry, place, self.folder).out)
        return str(known.path) if known else place

    def _translating_tests(self) -> Amounts:
        found = []
        for entry, test in zip(self.experiment.tests, self.planned, strict=True):
            for place in test.machine.sources[0].places if test.machine else ():
                job = translation_of_test(self.experiment, entry, place, self.folder)
                if Made.known(job.out) is None:
                    found.append(foresee_translation(job))
        return total(found)

    def _powers(self) -> Iterator[Power]:
        pilot, named = self._pilot()
        count = self._comparisons()
        for test in self.tests:
            if test.language == self.experiment.target:
                yield power_of(test, pilot, named, count, self.options.difference)

    def _pilot(self) -> tuple[list[dict[str, Any]], str]:
        if self.options.pilot:
            return read_pilot(self.options.pilot), f"as the arms differed in {str(self.options.pilot)!r}"
        try:
            return read_pilot(self.folder), f"as the arms differed in {str(self.folder)!r}"
        except PasserelleError:
            return [], ""

    def _comparisons(self) -> int:
        """Return how many comparisons Holm's correction will be for."""
        arms = list(self.experiment.arms)
        references = {name for name in (self.experiment.reference, ZERO_SHOT) if name in arms}
        pairs = {frozenset((arm, reference)) for arm in arms for reference in references if arm != reference}
        return len(pairs) * len(self.tests)

    def _arm(self, name: str) -> ArmPlan:
        arm = ArmPlan(name, title_of(self.experiment, name))
        say(f"{name}: a few steps and questions")
        try:
            with shown(False):
                if name in self.experiment.trained:
                    self._train(arm)
                arm.asked = self._asked(name)
        except StorageError:
            raise
        except Exception as error:  # as in a comparison: the other arms are worth knowing
            known = isinstance(error, PasserelleError)
            arm.error = str(error) if known else f"{type(error).__name__}: {first_line(error)}"
            say(f"{name}: {arm.error}")
        finally:
            close_engines()  # training needs the memory
        return arm

    def _train(self, arm: ArmPlan) -> None:
        experiment, name = self.experiment, arm.name
        arm.seeds = len(experiment.seeds)
        if sizes := experiment.sizes(name):
            arm.smaller = tuple(size / sizes[-1] for size in sizes[:-1])
        arm.expert_minutes = sum(phase.expert_minutes for phase in self.texts.phases(name))
        if MACHINE in experiment.texts(name):
            arm.shared = self._once("", self.texts.translating)
            if screen := experiment.screen(name):
                arm.shared = arm.shared + self._once(screen.name, lambda: self.texts.screening(screen) or Amounts())
        forget_loaded()  # never two models at once
        settings = adaptation_of(self.texts, name, self.scratch / "arms" / name)
        growth = self.texts.growth(name, settings)
        arm.training = foresee_training(settings, growth, self.scratch / "arms" / name)
        arm.make, arm.loading = arm.training.stages, arm.training.loading

    def _once(self, what: str, foresee: Any) -> Amounts:
        """Return what is made once for all arms, for the first that needs it."""
        if what in self._made:
            return Amounts()
        self._made.add(what)
        found: Amounts = foresee()
        close_engines()
        return found

    @cached_property
    def _made(self) -> set[str]:
        return set()

    def _asked(self, name: str) -> Asked:
        """Return what asking an arm takes; one that is trained is asked as its base, which computes the same."""
        as_base = name in self.experiment.trained or name == ZERO_SHOT
        system = self._base if as_base else self._systems[name]
        if system.name not in self._known:
            target = self.experiment.target
            how = self.options.questions, self.scratch / "asked"
            self._known[system.name] = foresee_asking(system, self.tests, target, *how)
        return self._known[system.name]

    def _english(self) -> Amounts:
        """Return what asking the base in English takes, where it is no arm: it is the others' measure."""
        if not self.experiment.english or ZERO_SHOT in self.experiment.arms:
            return Amounts()
        try:
            asked = self._asked(ZERO_SHOT).tests
        except PasserelleError as error:
            self.notes.append(f"Not in the sum: asking the base in English can't be tried: {error}")
            return Amounts()
        return total(amounts for (_, code), amounts in asked.items() if code == ENGLISH)

    @cached_property
    def _known(self) -> dict[str, Asked]:
        return {}

    @cached_property
    def _base(self) -> System:
        return open_system(Named(ZERO_SHOT, self.experiment.model))

    @cached_property
    def _systems(self) -> dict[str, System]:
        untrained = [ArmRun(name) for name in self.experiment.arms if name not in self.experiment.trained]
        return {system.name: system for system in systems_of(self.experiment, untrained)}


def _steps(experiment: Experiment, arms: Sequence[ArmPlan]) -> list[tuple[str, Amounts, Amounts]]:
    """Return the arms in the order in which a comparison with limits begins them, with what they take."""
    order = sorted(arms, key=lambda arm: arm.name in experiment.trained)
    return [(arm.name, arm.making, arm.asking) for arm in order if not arm.error]
