"""`passerelle compare`: from an experiment to its results and its page."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from passerelle.comparison.arms import (
    ArmRun,
    failure,
    is_trained,
    record_of,
    systems_of,
    train_arm,
    trained_system,
)
from passerelle.comparison.collect import collect
from passerelle.comparison.collected import Collected
from passerelle.comparison.curves import CurveStudy, curves_of, smaller_sizes
from passerelle.comparison.reproduction.data_files import data_files
from passerelle.comparison.reviewed import BEFORE, read_review, review_change
from passerelle.comparison.settings import MACHINE, Experiment, parse_experiment
from passerelle.comparison.tests import PlannedTest, plan_tests
from passerelle.comparison.texts import Texts
from passerelle.comparison.untrained import PIPELINE, ZERO_SHOT
from passerelle.costs.book import Book, booked, part
from passerelle.costs.limits import Allowance, LimitReached, allowed
from passerelle.costs.prices import known_prices
from passerelle.errors import RunError, UserError
from passerelle.evaluation.asking.labelled import read_labels
from passerelle.evaluation.asking.members import System
from passerelle.evaluation.asking.replying import open_llm
from passerelle.evaluation.asking.systems import open_system
from passerelle.evaluation.run import Options, Study, evaluate
from passerelle.evaluation.specification import Named, read_served
from passerelle.languages.knowledge import known_languages
from passerelle.models.families import known_families
from passerelle.models.pretrained import check_pretrained
from passerelle.progress import quiet, say
from passerelle.report import write_page
from passerelle.runs import ARMS, held, open_results, read_arms, remove_leftovers, write_arms, write_json
from passerelle.translation.both_ways import ENGLISH, signature_of
from passerelle.translation.lent import close_engines


def compare(experiment: Experiment, folder: Path) -> dict[str, Any]:
    """Run a comparison, or as much of it as isn't done yet, and write ``results.json`` and ``report.html``.

    Args:
        experiment: What to run.
        folder: The run folder; what is translated, screened, trained or answered in it isn't done again.

    Returns:
        The results, as in ``results.json``.

    Raises:
        UserError: Something that the user can put right, found before anything is trained where that can be.
        RunError: Every arm failed.
        StorageError: The disk is full.
    """
    if (folder / "results.json").is_file() and not (folder / ARMS).is_file():
        raise UserError(f"{str(folder)!r} is a run of an older version: choose another --out, or remove it.")
    with held(folder), known_families(experiment.families), known_languages(experiment.languages):
        remove_leftovers(folder)
        with known_prices(experiment.prices), allowed(experiment.limits, folder) as allowance, booked() as book:
            return _compare(experiment, folder, allowance, book)


def _compare(experiment: Experiment, folder: Path, allowance: Allowance | None, book: Book) -> dict[str, Any]:
    quiet()
    start = time.perf_counter()
    review = None if experiment.review is None else read_review(experiment.review, experiment.target)
    texts = Texts(experiment, folder, review)
    with part("check"):
        check(experiment, texts)
        tests = plan_tests(experiment, folder)
        files = data_files(experiment, texts.pictures)
    if allowance:
        _keep_room_for_asking(experiment, tests, folder, allowance)
    runs = [train_arm(experiment, name, texts, folder) for name in experiment.arms]
    wanted = smaller_sizes(experiment, runs)
    smaller = [train_arm(experiment, name, texts, folder, size) for name, size in wanted]
    if allowance:
        allowance.reserve = 0.0
    _raise_if_all_failed(runs)
    before, without_before = _before_review(experiment, texts, folder) if review else ([], [])
    study = CurveStudy(experiment, [*smaller, *runs])
    with part("score"):
        evaluation = _ask(experiment, tests, [*runs, *smaller], before, folder, study)
    write_arms(folder, [record_of(experiment, run) for run in runs])
    _raise_if_all_failed(runs)
    with part("results"):
        found = Collected(experiment, folder, runs, tests, texts, evaluation, smaller)
        results = collect(found)
        results["curves"] = curves_of(found, study)
        results["data"]["files"] = files
    results["review"] = None
    if review:
        touched = [system.name for system in before]
        names = [name for name in experiment.arms if BEFORE.format(arm=name) in touched]
        results["review"] = review_change(review, results["comparisons"], names, without_before)
    results["ledger"] = book.close(folder)
    results["wall_seconds"] = round(time.perf_counter() - start, 1)
    write_json(folder / "results.json", results)
    write_page(results, folder, folder / "report.html")
    return results


def _raise_if_all_failed(runs: list[ArmRun]) -> None:
    if all(run.error for run in runs):
        raise RunError(f"every arm failed; the first, {runs[0].name!r}: {runs[0].error}")


def check(experiment: Experiment, texts: Texts) -> None:
    """Find what can be known before anything is translated or trained.

    Raises:
        UserError: Something that the user can put right.
    """
    if read_served(experiment.model):
        open_system(Named(ZERO_SHOT, experiment.model))
    else:
        check_pretrained(experiment.model)
    texts.check()
    for name in experiment.arms:
        if model := experiment.own_model(name):
            _check_model(name, model)
    try:
        for name in experiment.arms:
            if experiment.method(name) == PIPELINE:
                signature_of(experiment.engine(name), experiment.target)
    finally:
        close_engines()  # training needs the memory
    if any(experiment.screened(name) in ("gate", "repair") for name in experiment.arms):
        check_estimate(experiment)
    if experiment.reader:
        open_llm(experiment.reader, "reader")[0].close()
    if experiment.labels:
        read_labels(experiment.labels)


def _check_model(arm: str, model: str) -> None:
    """Make sure that the model of an arm that was adapted elsewhere is there.

    Raises:
        UserError: It isn't.
    """
    try:
        open_system(Named(arm, model))
    except UserError as error:
        raise type(error)(f"arm {arm!r}: {error}") from None


def check_estimate(experiment: Experiment) -> None:
    """Make sure that there is an estimate to screen by.

    Raises:
        UserError: There is none.
    """
    from passerelle.comparison.screening import OUT_OF_FOLD
    from passerelle.quality.estimate.calibrate import need_scikit_learn
    from passerelle.quality.estimate.calibrated import open_assess

    if experiment.quality.calibration == OUT_OF_FOLD:
        need_scikit_learn()
        return
    given = Path(experiment.quality.calibration) if experiment.quality.calibration else None
    open_assess(ENGLISH, experiment.target, given, phrasebook=experiment.translation.phrasebook)


def _ask(
    experiment: Experiment,
    tests: list[PlannedTest],
    runs: list[ArmRun],
    before: list[System],
    folder: Path,
    study: Study | None = None,
) -> dict[str, Any]:
    """Ask every arm that didn't fail; one that fails now is named too."""
    systems = systems_of(experiment, runs)
    names = [system.name for system in systems]
    references = tuple(n for n in dict.fromkeys((experiment.reference, ZERO_SHOT)) if n in names)
    in_english = experiment.english and any(test.people and len(test.people.sources) > 1 for test in tests)
    options = Options(
        languages=f"{experiment.target},{ENGLISH}" if in_english else experiment.target,
        planned=tuple(plan for test in tests for plan in test.plans),
        out=folder / "evaluation",
        references=references,
        reader=experiment.reader,
        labels=experiment.labels,
        pairs=(*_pairs(experiment, names), *((system.name.split(" ")[0], system.name) for system in before)),
    )
    by_name = {run.system: run for run in runs}

    def failed(system: System, error: Exception) -> None:
        report = folder / "arms" / f"{system.name}.failed.txt"
        if system.name in by_name:
            by_name[system.name].error = failure(error, report)
            by_name[system.name].left_out = isinstance(error, LimitReached)
        failed = "" if isinstance(error, LimitReached) else "failed: "
        say(f"{system.name}: {failed}{failure(error, report)}")

    return evaluate(options, systems=[*systems, *before], failed=failed, study=study)


def _keep_room_for_asking(experiment: Experiment, tests: list[PlannedTest], folder: Path, allowance: Allowance) -> None:
    """Ask the arms that aren't trained first, and keep of the limits what asking the others takes by that."""
    untrained = [ArmRun(name) for name in experiment.arms if name not in experiment.trained]
    before = allowance.share()
    asked = list(systems_of(experiment, untrained))
    if not asked or not experiment.trained:
        return
    _ask(experiment, tests, untrained, [], folder)
    members = sum(max(1, len(experiment.sizes(arm))) for arm in experiment.trained) * len(experiment.seeds)
    allowance.reserve = min(0.5, _ROOM * (allowance.share() - before) / len(asked) * members)


_ROOM = 1.5
"""So many times what asking an arm that isn't trained takes is kept for one that is: it is asked in English too."""


def _pairs(experiment: Experiment, names: list[str]) -> list[tuple[str, str]]:
    """Return the pairs of one method on two texts: what other text than the plain machine's buys, and the control."""
    trained = [name for name in experiment.trained if name in names]
    pairs = []
    for method in dict.fromkeys(map(experiment.method, trained)):
        arms = [name for name in trained if experiment.method(name) == method]
        plain = [name for name in arms if experiment.texts(name) == (MACHINE,) and not experiment.screen(name)]
        pairs += [(arm, plain[0]) for arm in arms if plain and arm != plain[0]]
        screened = {experiment.screened(arm): arm for arm in arms}
        if {"gate", "random"} <= screened.keys():
            pairs.append((screened["gate"], screened["random"]))
    return pairs


def _before_review(experiment: Experiment, texts: Texts, folder: Path) -> tuple[list[System], list[str]]:
    """Return the arms that a review touches as they were without it, and those that weren't run without it."""
    plain = replace(texts, review=None, _files={})
    systems, missing = [], []
    for name in experiment.trained:
        if texts.data(name) == plain.data(name):
            continue
        models = is_trained(experiment, name, plain, folder)
        if models is None:
            missing.append(name)
        else:
            systems.append(replace(trained_system(name, models), name=BEFORE.format(arm=name), kept_as=name))
    return systems, missing


def outdated_arms(folder: Path, review: Path) -> list[str]:
    """Return the arms that a run doesn't have with a review's corrections; `compare --review` runs those.

    Raises:
        ConfigError: The review is of another language.
        InputError: There is no finished run in the folder, or no review.
    """
    read_arms(folder)
    found = open_results(folder, "comparison")
    experiment = parse_experiment(found.content.get("config", {}), str(found.path))
    plain = Texts(experiment, folder)
    corrected = Texts(experiment, folder, read_review(review, experiment.target))
    touched = [name for name in experiment.trained if corrected.data(name) != plain.data(name)]
    return [name for name in touched if is_trained(experiment, name, corrected, folder) is None]
