"""What a team decides by, from Python: plan, advise, report and reproduce. `passerelle.api` has the other commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.progress import shown

if TYPE_CHECKING:
    from passerelle.comparison.settings import Experiment
    from passerelle.report.advice.advise import Advice
    from passerelle.report.several.together import Several

PathLike = Path | str
Range = tuple[float, float, float]
"""The least, the likeliest, the most."""


@dataclass(frozen=True)
class Plan:
    """What a comparison will cost, and what its tests can show.

    Attributes:
        euros: What all of it costs here.
        seconds: How long all of it takes here, by the clock.
        smallest: By test the smallest difference that it shows 80 times in 100, in points; ``None`` where that isn't
            known.
        limits: By arm whether the file's limits leave room for it: ``fits``, ``may not fit``, ``doesn't fit``; empty
            without limits.
        notes: What couldn't be tried, and what wasn't foreseen.
        record: All of it, as ``passerelle plan --json`` prints it.
    """

    euros: Range
    seconds: Range
    smallest: Mapping[str, Range | None]
    limits: Mapping[str, str]
    notes: tuple[str, ...]
    record: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Reproduction:
    """A comparison that was run again.

    Attributes:
        same: Whether all answers are the same to the last bit.
        sentences: What differs, for people.
        report: The page of the second run.
        record: All that differs, as in ``reproduction.json``.
    """

    same: bool
    sentences: tuple[str, ...]
    report: Path
    record: Mapping[str, Any] = field(repr=False)


def plan(
    experiment: PathLike | Mapping[str, Any] | Experiment,
    folder: PathLike | None = None,
    *,
    pilot: PathLike | None = None,
    progress: bool = False,
    **options: Any,
) -> Plan:
    """Say what a comparison will cost and can show, by a few steps and questions; see ``passerelle plan``.

    Args:
        experiment: The YAML file, or what is in one.
        folder: The run folder, which is only looked at [runs/NAME].
        pilot: Earlier run, whose arms differ as these will [the one in the run folder, if it is finished].
        progress: Whether to show progress on stderr.
        options: As `passerelle.comparison.planning.plan.PlanOptions` has them: ``questions``, ``difference``.
    """
    from passerelle.comparison.planning.plan import PlanOptions, plan_comparison
    from passerelle.comparison.settings import as_experiment

    settings = as_experiment(experiment)
    place = Path(folder) if folder else Path("runs") / settings.name
    with shown(progress):
        found = plan_comparison(settings, place, PlanOptions(pilot=Path(pilot) if pilot else None, **options))
    whole = found["whole"]
    return Plan(
        _range(whole["euros"]),
        _range(whole["seconds"]),
        {row["test"]: _range(row["smallest"]) if row["smallest"] else None for row in found["power"]},
        dict(found["limits"]["arms"]) if found["limits"] else {},
        tuple(dict.fromkeys(found["notes"])),
        found,
    )


def _range(ends: Sequence[float]) -> Range:
    low, value, high = ends
    return low, value, high


def advise(
    run: PathLike,
    *,
    volume: str | float = "10000/month",
    days: float = 365,
    budget: float | None = None,
    keep_english: float | None = None,
    latency: float | None = None,
) -> Advice:
    """Choose an arm of a finished comparison, or refuse to; see ``passerelle advise``.

    Args:
        run: The run folder, or its ``results.json``.
        volume: Answers to give: 50000, ``2M``, ``10000/day``.
        days: How long a rate holds.
        budget: Euros for making an arm and all these answers [any].
        keep_english: Points of English that may be lost [any].
        latency: Seconds of 95 in 100 answers [any].
    """
    from passerelle.report.advice.candidates import advise_on
    from passerelle.report.advice.volume import parse_volume
    from passerelle.report.advice.wish import Wish
    from passerelle.runs import open_results

    results = open_results(Path(run), "comparison").content
    return advise_on(results, Wish(parse_volume(str(volume), days), budget, keep_english, latency))


def report_on(runs: PathLike | Sequence[PathLike] | Mapping[str, PathLike], *, out: PathLike | None = None) -> Several:
    """Put finished runs beside each other; see ``passerelle report``.

    Args:
        runs: Folders of comparisons or evaluations, or their ``results.json``; with names of your own for them, a
            mapping.
        out: File to write: ``.html``, ``.md``, ``.csv`` or ``.json``; one run as HTML is its own report [none].
    """
    from passerelle.report.several.reporting import report_runs

    if isinstance(runs, str | Path):
        runs = (runs,)
    named = runs.items() if isinstance(runs, Mapping) else (("", run) for run in runs)
    return report_runs([(name, Path(place)) for name, place in named], Path(out) if out else None)


def reproduce(
    results: PathLike, folder: PathLike | None = None, *, anyway: bool = False, progress: bool = False
) -> Reproduction:
    """Run a comparison again from its results, and say what differs; see ``passerelle reproduce``.

    Args:
        results: The run folder, or its ``results.json``.
        folder: Run folder of the second [runs/NAME-again].
        anyway: Whether to go on where data or models aren't what they were.
        progress: Whether to show progress on stderr.
    """
    from passerelle.comparison.reproduction.differing import lines_of
    from passerelle.comparison.reproduction.reproduce import folder_of
    from passerelle.comparison.reproduction.reproduce import reproduce as run
    from passerelle.runs import open_results

    found = open_results(Path(results), "comparison")
    place = Path(folder) if folder else folder_of(found)
    with shown(progress):
        told = run(found, place, anyway=anyway)
    return Reproduction(told["same"], tuple(lines_of(told)), place / "report.html", told)
