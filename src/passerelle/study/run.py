"""`passerelle compare` on one's own model: adapt by every method, evaluate all, put results and costs together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from passerelle.adapt.run import EMBEDDED, adapt
from passerelle.errors import TrainingError, UserError
from passerelle.evaluate.members import Opener, System
from passerelle.evaluate.run import Options, evaluate, read_tests
from passerelle.evaluate.specification import Named, parse_languages
from passerelle.evaluate.systems import open_system
from passerelle.progress import quiet, say
from passerelle.report import write_page
from passerelle.runs import remove_leftovers, storage, write_json
from passerelle.study.collect import ENGLISH, ArmRun, collect
from passerelle.study.settings import UNTRAINED, ZERO_SHOT, StudySettings


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
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock").acquire(timeout=0):
            remove_leftovers(folder)
            return _compare(study, folder)
    except Timeout:
        raise UserError(f"another run is working in {str(folder)!r}: wait for it, or choose another --out.") from None


def _compare(study: StudySettings, folder: Path) -> dict[str, Any]:
    quiet()
    options = _options(study, folder)
    untrained = list(_untrained(study))
    read_tests(options, parse_languages(options.languages), with_pictures=True)
    runs = [_adapt(study, name, folder) for name in study.arms]
    systems = [*untrained, *(_trained(run) for run in runs if run.records and not run.error)]
    names = [system.name for system in systems]
    references = [name for name in dict.fromkeys((study.reference, ZERO_SHOT)) if name in names]
    evaluation = evaluate(replace(options, references=tuple(references)), systems=_in_order(study, systems))
    results = collect(study, folder, runs, evaluation)
    write_json(folder / "results.json", results)
    write_page(results, folder, folder / "report.html")
    return results


def _options(study: StudySettings, folder: Path) -> Options:
    languages = f"{study.language},{ENGLISH}" if study.english else study.language
    return Options(
        (),
        study.benchmarks,
        languages,
        study.answers,
        images=study.images,
        out=folder / "evaluation",
        limit=study.limit,
    )


def _untrained(study: StudySettings) -> Iterator[System]:
    """Yield the base and what is put around it. Only the base is asked in English: the others do nothing there."""
    for name in dict.fromkeys([*study.arms, *([ZERO_SHOT] if study.english else [])]):
        method = study.method(name) if name in study.arms else ZERO_SHOT
        if method not in UNTRAINED:
            continue
        found = open_system(Named(name, _specification(study.model_name_or_path, method)))
        languages = () if method == ZERO_SHOT and name in study.arms else (study.language,)
        yield replace(found, languages=languages if name in study.arms else (ENGLISH,))


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


def _in_order(study: StudySettings, systems: list[System]) -> list[System]:
    order = list(study.arms)
    return sorted(systems, key=lambda system: order.index(system.name) if system.name in order else -1)
