"""`passerelle compare` on one's own model: adapt by every method, evaluate all, put results and costs together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from passerelle.adaptation.run import EMBEDDED, adapt
from passerelle.errors import TrainingError
from passerelle.evaluation.asking.members import Opener, System
from passerelle.evaluation.run import Options, evaluate, read_tests
from passerelle.evaluation.specification import Named, parse_languages
from passerelle.evaluation.asking.systems import open_system
from passerelle.progress import quiet, say
from passerelle.report import write_page
from passerelle.runs import held, remove_leftovers, write_json
from passerelle.comparison.collect import ENGLISH, ArmRun, collect
from passerelle.comparison.settings import ZERO_SHOT, StudySettings


def compare_methods(study: StudySettings, folder: Path) -> dict[str, Any]:
    """Run a comparison, or as much of it as isn't done yet, and write ``results.json`` and ``report.html``.

    Args:
        study: What to run.
        folder: The run folder; what is trained or answered in it isn't done again.

    Returns:
        The results, as in ``results.json``.

    Raises:
        UserError: Something that the user can put right, found before anything is trained where that can be.
        StorageError: The disk is full.
    """
    with held(folder):
        remove_leftovers(folder)
        return _compare(study, folder)


def _compare(study: StudySettings, folder: Path) -> dict[str, Any]:
    quiet()
    options = _options(study, folder)
    untrained = _untrained(study)
    # Before hours of training: a benchmark that can't be read is known now.
    read_tests(options, parse_languages(options.languages), with_pictures=True)
    runs = [_adapt(study, name, folder) for name in study.arms]
    systems = untrained | {run.name: _trained(run) for run in runs if run.records and not run.error}
    references = tuple(name for name in dict.fromkeys((study.reference, ZERO_SHOT)) if name in systems)
    unnamed = [name for name in untrained if name not in study.arms]
    ordered = [systems[name] for name in (*unnamed, *study.arms) if name in systems]
    evaluation = evaluate(replace(options, references=references), systems=ordered)
    results = collect(study, folder, runs, evaluation)
    write_json(folder / "results.json", results)
    write_page(results, folder, folder / "report.html")
    return results


def _options(study: StudySettings, folder: Path) -> Options:
    languages = f"{study.target},{ENGLISH}" if study.english else study.target
    return Options(
        (),
        study.benchmarks,
        languages,
        study.answers,
        images=study.images,
        out=folder / "evaluation",
        limit=study.limit,
    )


def _untrained(study: StudySettings) -> dict[str, System]:
    """Return the base and what is put around it. Only the base is asked in English: the others do nothing there."""
    methods = {name: study.method(name) for name in study.arms if name not in study.trained}
    languages: dict[str, tuple[str, ...]] = {
        name: () if method == ZERO_SHOT else (study.target,) for name, method in methods.items()
    }
    if study.english and ZERO_SHOT not in study.arms:
        methods[ZERO_SHOT], languages[ZERO_SHOT] = ZERO_SHOT, (ENGLISH,)
    return {
        name: replace(
            open_system(Named(name, _specification(study.model_name_or_path, method))), languages=languages[name]
        )
        for name, method in methods.items()
    }


def _specification(model: str, method: str) -> str:
    """Return what `passerelle evaluate` calls the base with a method around it."""
    if model == EMBEDDED:
        return "base" if method == ZERO_SHOT else method
    return model if method == ZERO_SHOT else f"{method}:{model}"


def _adapt(study: StudySettings, name: str, folder: Path) -> ArmRun:
    """Train an arm with every seed, unless an earlier run did."""
    run = ArmRun(name)
    for seed in study.seeds if name in study.trained else ():
        say(f"{name} (seed {seed})")
        try:
            run.records[seed] = adapt(study.adaptation(name, seed, folder / "arms" / f"{name}-seed{seed}"))
        except TrainingError as error:
            run.error = str(error)
            say(f"{name} (seed {seed}): failed: {error}")
    return run


def _trained(run: ArmRun) -> System:
    members: list[Opener] = []
    for record in run.records.values():
        outputs = record["outputs"]
        path = next(outputs[kind] for kind in ("merged", "adapter", "model") if kind in outputs)
        members += open_system(Named(run.name, path)).members
    return System(run.name, tuple(members))
