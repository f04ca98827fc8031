"""The tests of a comparison: benchmarks in people's words, and the English ones translated by the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from passerelle.comparison.entries import TestEntry
from passerelle.comparison.settings import MACHINE, Experiment
from passerelle.comparison.translating import translate_file, translation_job
from passerelle.comparison.untrained import PIPELINE
from passerelle.costs.ledger import Phase
from passerelle.errors import ConfigError, InputError, MissingDependency
from passerelle.evaluation.reading import read_test
from passerelle.evaluation.specification import DATASETS, Planned, Source, parse_sources
from passerelle.example.files import SCHEME, example_folder, resolve
from passerelle.progress import say
from passerelle.translation.both_ways import ENGLISH
from passerelle.translation.dataset.job import Job

MACHINE_TEST = "{name} (machine)"


@dataclass(frozen=True)
class PlannedTest:
    """A test of the comparison.

    Attributes:
        name: What results call it.
        people: In people's words, in every language asked.
        machine: The English rows as the engine translates them; ``None`` if that isn't asked.
        phase: What its translation cost.
    """

    name: str
    people: Planned | None
    machine: Planned | None = None
    phase: Phase | None = None

    @property
    def plans(self) -> tuple[Planned, ...]:
        """All that is asked."""
        return tuple(plan for plan in (self.people, self.machine) if plan is not None)


def plan_tests(experiment: Experiment, folder: Path) -> list[PlannedTest]:
    """Read the tests as far as it takes to know that they can be asked; translate those that are to be.

    Args:
        experiment: The settings.
        folder: The run folder.

    Raises:
        UserError: A test can't be read, translated or asked.
        RunError: The engine can't go on.
        StorageError: The disk is full.
    """
    found = read_plans(experiment, folder)
    return [_translated(experiment, entry, test, folder) for entry, test in zip(experiment.tests, found, strict=True)]


def read_plans(experiment: Experiment, folder: Path) -> list[PlannedTest]:
    """Read the tests as far as it takes to know that they can be asked; those to be translated are English still.

    Raises:
        UserError: A test can't be read or asked.
    """
    found: list[PlannedTest] = []
    for entry in experiment.tests:
        test = _planned(experiment, entry, folder)
        if test.name in {other.name for other in found}:
            raise ConfigError(
                f"two tests are called {test.name!r}: give one a name of its own, as in name: {test.name}-2."
            )
        found.append(test)
    return found


def _planned(experiment: Experiment, entry: TestEntry, folder: Path) -> PlannedTest:
    target, only = experiment.target, entry.machine == "only"
    in_english = experiment.english and entry.english
    languages = [code for code, asked in ((target, not only), (ENGLISH, in_english)) if asked]
    plan = _plan(experiment, entry, sources_of(entry, languages, target)) if languages else None
    read = [read_test(plan, source, folder / "pictures", with_pictures=True) for source in plan.sources] if plan else []
    name = entry.name or (read[0].name if read else "")
    if entry.machine:
        english = _plan(experiment, entry, sources_of(entry, [ENGLISH], target))
        name = name or read_test(english, english.sources[0], folder / "pictures", with_pictures=False).name
        return PlannedTest(name, plan and replace(plan, name=name), english)
    return PlannedTest(name, plan and replace(plan, name=name))


def _translated(experiment: Experiment, entry: TestEntry, test: PlannedTest, folder: Path) -> PlannedTest:
    """Translate the English rows of a test, where they are to be asked."""
    if test.machine is None:
        return test
    (english,) = test.machine.sources
    places, phases = [], []
    for place in english.places:
        if place.startswith(DATASETS):
            raise ConfigError(f"test {test.name!r}: {place!r} can't be translated: save it to a file first.")
        try:
            made = translate_file(translation_of_test(experiment, entry, place, folder))
        except (ConfigError, MissingDependency) as error:
            if test.people is None or _translates(experiment):
                raise
            say(f"test {test.name!r} is asked in people's words only: {error}")
            return replace(test, machine=None)
        except InputError as error:
            more = " Name the places of its texts: fields: [question, choices.*]." if not entry.fields else ""
            raise InputError(f"test {test.name!r} can't be translated: {error}{more}") from None
        places.append(str(made.path))
        phases.append(made.phase)
    plan = in_machines_words(experiment, test.machine, test.name, places)
    phase = Phase(f"tests, translation of {test.name}")
    for each in phases:
        phase.include(each)
    return replace(test, machine=plan, phase=phase)


def translation_of_test(experiment: Experiment, entry: TestEntry, place: str, folder: Path) -> Job:
    """Return the job of translating an English file of a test."""
    more = entry.fields, entry.images, entry.images_anywhere
    target, settings = experiment.target, experiment.translation
    return translation_job(Path(place), folder / "tests", Path(place).stem, target, settings, *more)


def in_machines_words(experiment: Experiment, machine: Planned, name: str, places: Sequence[str]) -> Planned:
    """Return what is asked of the English rows of a test once they are translated, from where that is."""
    (english,) = machine.sources
    return replace(
        machine,
        sources=(Source(english.benchmark, tuple(places), experiment.target),),
        name=MACHINE_TEST.format(name=name),
        images=machine.images or _image_folder(english),
        machine=(experiment.target,),
    )


def _translates(experiment: Experiment) -> bool:
    """Whether an arm needs the engine: a pipeline, or one that learns from its translations."""
    return any(experiment.method(arm) == PIPELINE or MACHINE in experiment.texts(arm) for arm in experiment.arms)


def _image_folder(source: Source) -> Path:
    first = Path(source.places[0])
    return first if first.is_dir() else first.parent


def _plan(experiment: Experiment, entry: TestEntry, sources: Sequence[Source]) -> Planned:
    return Planned(
        tuple(sources),
        entry.answers or experiment.answers,
        entry.name,
        images=example_folder() if SCHEME in entry.benchmark else entry.images,
        prompts=entry.prompt,
        max_new_tokens=entry.max_new_tokens,
        limit=entry.limit if experiment.limit is None else experiment.limit,
        pictures=entry.pictures,
        images_anywhere=entry.images_anywhere,
        rules=entry.rules,
        metric=entry.metric,
    )


def sources_of(entry: TestEntry, languages: Sequence[str], target: str) -> list[Source]:
    """Return where the rows of a test are, in each of some languages; the example's files are written first."""
    (found,) = parse_sources([entry.benchmark], languages)
    return [replace(source, places=tuple(_places(source, target))) for source in found]


def _places(source: Source, target: str) -> Iterator[str]:
    for place in source.places:
        yield str(resolve(place.removeprefix(SCHEME), target)) if place.startswith(SCHEME) else place
