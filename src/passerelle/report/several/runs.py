"""Runs as one report has them: comparisons and evaluations alike, each an arm a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from passerelle.errors import InputError, UserError
from passerelle.evaluation.writing import read_answers
from passerelle.report.contents import ENGLISH, ZERO_SHOT, Arm, Contents, Cost, Score
from passerelle.report.evaluated.reading import damage_of_figures, read_figures
from passerelle.report.parse import as_mapping, as_text, mappings, read_results
from passerelle.runs import ResultsFile, open_results

IN_ENGLISH = "en"
Answers = dict[tuple[str, str, str], list[dict[str, Any]]]
"""Rows of ``answers.jsonl`` by who answered, benchmark and language."""


@dataclass(frozen=True)
class Told:
    """One score of an arm.

    Attributes:
        system: Who the answers say gave them.
        benchmark: Name of the test among the answers.
        language: Of its questions.
        metric: What it measures; a test's own metric is called by the test.
        score: The score.
        is_headline: Whether the test is known by it.
    """

    system: str
    benchmark: str
    language: str
    metric: str
    score: Score
    is_headline: bool


@dataclass(frozen=True)
class Entry:
    """An arm of a run, or a model that was evaluated, with its scores."""

    arm: Arm
    scores: tuple[Told, ...]

    def find(self, metric: str, test: str, language: str) -> Told | None:
        """Find a score; ``None`` where it wasn't measured."""
        wanted = (metric, test, language)
        return next((t for t in self.scores if (t.metric, t.score.test, t.language) == wanted), None)


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        label: What the report calls it.
        place: What was given.
        kind: ``comparison`` or ``evaluation``.
        contents: What its own report shows; of an evaluation only what it has in common with a comparison.
        entries: Its arms.
        damage: What of it can't be read.
    """

    label: str
    place: Path
    kind: str
    contents: Contents
    entries: tuple[Entry, ...]
    damage: tuple[str, ...] = ()
    _answers: list[Answers | str] = field(default_factory=list)

    @property
    def raw(self) -> Mapping[str, Any]:
        """What its ``results.json`` holds."""
        return self.contents.raw

    @property
    def model(self) -> str:
        """The model that it is about; empty for an evaluation, whose arms are its models."""
        return as_text(as_mapping(self.raw.get("config")).get("model"))

    @property
    def machine(self) -> str:
        """The machine that it ran on, in a few words; empty where that isn't known."""
        hardware = as_mapping(self.raw.get("hardware"))
        cores = as_text(hardware.get("cores"))
        named = [as_text(hardware.get("device")), as_text(hardware.get("cpu")), f"{cores} cores" if cores else ""]
        return ", ".join(filter(None, named))

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of the packages that it hangs on."""
        return {str(name): str(value) for name, value in as_mapping(self.raw.get("versions")).items()}

    def answers(self) -> Answers | str:
        """Return its answers, or why there are none; read once."""
        if not self._answers:
            self._answers.append(_answers(self))
        return self._answers[0]


@dataclass(frozen=True)
class LeftOut:
    """A run that a report can't show, and why."""

    label: str
    reason: str


def read_runs(given: Sequence[tuple[str, Path]]) -> tuple[list[Run], list[LeftOut]]:
    """Read runs; those that aren't finished, or whose results are broken, are left out with the reason.

    Args:
        given: The name of each, empty where it has none, and its folder or ``results.json``.

    Returns:
        The runs, in their order, and what is left out.

    Raises:
        UserError: There is nothing at a path, a run is given twice, or none can be read.
    """
    runs, left_out = [], []
    for label, place in zip(_labels(given), (place for _, place in given), strict=True):
        if not place.exists():
            open_results(place)  # says so
        try:
            runs.append(read_run(open_results(place), label))
        except InputError as error:
            left_out.append(LeftOut(label, str(error)))
    if not runs:
        raise UserError("none of these runs can be read. " + " ".join(each.reason for each in left_out))
    return runs, left_out


def _labels(given: Sequence[tuple[str, Path]]) -> list[str]:
    """Name each run by what was given, by its folder, or by its path where folders have one name."""
    places = [place.resolve() for _, place in given]
    folders = [place.parent if place.suffix == ".json" else place for place in places]
    if twice := next((place for place, folder in zip(given, folders, strict=True) if folders.count(folder) > 1), None):
        raise UserError(f"{str(twice[1])!r} is given twice: leave it out once.")
    names = [folder.name for folder in folders]
    plain = [str(place) if names.count(n) > 1 else n for n, (_, place) in zip(names, given, strict=True)]
    labels = [name or own for (name, _), own in zip(given, plain, strict=True)]
    if same := next((label for label in labels if labels.count(label) > 1), ""):
        raise UserError(f"two runs are called {same!r}: name them, as in before={given[0][1]}.")
    return labels


def read_run(found: ResultsFile, label: str) -> Run:
    """Read a run; fields that are missing are left empty.

    Args:
        found: Its results.
        label: What to call it.
    """
    contents = read_results(found.content)
    if found.kind == "evaluation":
        entries = tuple(_evaluated(found.content))
        return Run(label, found.folder, found.kind, contents, entries, damage_of_figures(found.content))
    entries = tuple(Entry(arm, tuple(_told(contents, arm))) for arm in contents.arms)
    return Run(label, found.folder, found.kind, contents, entries, contents.damage)


def _told(contents: Contents, arm: Arm) -> Iterator[Told]:
    headlines = contents.metrics("headline_metrics")
    for score in arm.scores:
        language = IN_ENGLISH if score.test == ENGLISH else contents.target
        system = ZERO_SHOT if arm.name == ENGLISH else arm.name
        benchmark = f"{score.metric} (machine)" if score.test == "machine" else score.metric
        yield Told(system, benchmark, language, score.metric, score, score.metric in headlines)


def _evaluated(results: Mapping[str, Any]) -> Iterator[Entry]:
    figures = [figure for figure in read_figures(results) if figure.is_used and not figure.is_between]
    for system in dict.fromkeys(figure.system for figure in figures):
        own = tuple(
            Told(system, f.benchmark, f.language, f.score.metric, f.score, f.is_headline)
            for f in figures
            if f.system == system
        )
        yield Entry(Arm(system, system, scores=tuple(told.score for told in own), cost=Cost()), own)


def _answers(run: Run) -> Answers | str:
    path = run.place / ("evaluation/answers.jsonl" if run.kind == "comparison" else "answers.jsonl")
    try:
        rows = mappings(read_answers(path))
    except InputError:
        return f"the answers of {run.label} aren't beside its results, or are broken"
    found: Answers = {}
    for row in rows:
        where = (as_text(row.get("system")), as_text(row.get("benchmark")), as_text(row.get("language")))
        found.setdefault(where, []).append(dict(row))
    return found
