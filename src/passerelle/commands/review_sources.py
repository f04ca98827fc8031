"""What `passerelle review create` reviews: answers of arms, translations, pictures; drawn and checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from passerelle.commands.quality_options import say_gaps
from passerelle.errors import ConfigError, unknown
from passerelle.languages.codes import language
from passerelle.quality.base import PairedRow
from passerelle.quality.estimate.calibrated import open_assess
from passerelle.quality.pairs import Paired, PairOptions, read_pairs
from passerelle.review.page.judgments import TASKS
from passerelle.review.store.campaign import Plan
from passerelle.review.store.items import (
    Answered,
    NewItem,
    attention_checks,
    distinct,
    judge_items,
    label_items,
    left_out,
    prefilled,
    read_answers,
    translation_items,
    write_items,
)
from passerelle.review.store.sampling import for_audit, stratified
from passerelle.review.store.texts import interfaces


def collect(
    name: str,
    *,
    tasks: Sequence[str],
    items: int,
    annotators: int,
    experts: Sequence[str],
    attention: float,
    **given: Any,
) -> tuple[Plan, list[list[NewItem]], dict[str, Any]]:
    """Draw the items of a campaign.

    Returns:
        How it is dealt out, the items of each task with their checks, and what they were made of.

    Raises:
        ConfigError: An unknown task, arm or language; a task without a source.
        InputError: A file can't be read.
    """
    plan = _plan(name, experts or tuple(f"expert-{number}" for number in range(1, annotators + 1)), given)
    if given["unread"]:
        tasks = _only_labels(tasks, given)
    if given["for_audit"]:
        tasks = _only_translations(tasks, given)
    answered, arms, blank = _answers(given, plan.target_language)
    paired = _pairs(given)
    wanted = _tasks(tasks, answered, paired)
    sources = _sources(given)
    if blank:
        sources["left_out"] = {"blank, label": blank}
    assess = None
    if "translation" in wanted and paired is not None and (plan.by_value or plan.prefill or given["for_audit"]):
        codes = plan.source_language, plan.target_language
        assess = open_assess(*codes, given["calibration"], phrasebook=given["phrasebook"])
    made: dict[str, list[NewItem]] = {}
    if answered and "judge" in wanted:
        made["judge"], sources["identical"] = judge_items(answered, arms, plan.seed)
    if answered and "label" in wanted:
        made["label"] = label_items(answered, arms, plan.seed)
    if paired is not None and "translation" in wanted:
        made["translation"] = translation_items(paired, assess)
        reasons = {f"{reason}, translation": count for reason, count in left_out(paired).items()}
        sources.setdefault("left_out", {}).update(reasons)
        sources["pictures_unseen"] = len({name for row in paired.rows for name in _unseen(row)})
    if paired is not None and "write" in wanted:
        made["write"] = write_items(paired)
    for task in ("judge", "label"):
        if task in made:
            kept = distinct(made[task])
            if len(kept) < len(made[task]):
                sources.setdefault("left_out", {})[f"said-again, {task}"] = len(made[task]) - len(kept)
            made[task] = kept
    if given["for_audit"]:
        drawn = {"translation": for_audit(made["translation"], given["for_audit"], plan.seed)}
    else:
        drawn = {task: stratified(made[task], items, plan.seed, by_value=plan.by_value) for task in wanted}
    if plan.prefill and assess is not None and paired is not None:
        drawn["translation"] = prefilled(drawn["translation"], paired, assess)
    whole = []
    for task in wanted:
        queue = len(drawn[task]) * (plan.overlap + (1 - plan.overlap) / len(plan.experts))
        checks = attention_checks(made[task], answered, math.ceil(attention * queue), plan.seed)
        whole.append([*drawn[task], *checks])
    return plan, whole, sources


def _sources(given: dict[str, Any]) -> dict[str, Any]:
    """Return what the items are made of, as it is kept with the campaign: `review apply` finds the data by it."""
    files = ("run_folder", "answers", "data", "translated", "images", "pearmut")
    found: dict[str, Any] = {key: str(given[key].resolve()) for key in files if given[key]}
    for key in ("format", "fields", "image_fields", "images_anywhere"):
        if given[key]:
            found[key] = list(given[key]) if isinstance(given[key], tuple) else given[key]
    return found


def _plan(name: str, experts: Sequence[str], given: dict[str, Any]) -> Plan:
    target, source = language(given["target_language"]).bcp47, language(given["source_language"]).bcp47
    interface = given["interface"] or (target.split("-")[0] if target.split("-")[0] in interfaces() else "en")
    if interface not in interfaces():
        raise ConfigError(unknown("language of the page", interface, interfaces()))
    return Plan(
        name, tuple(experts), interface, target, source, given["overlap"], given["repeats"], given["seed"],
        given["order"] == "value", given["prefill"], given["licence"],
    )  # fmt: skip


def _only_labels(tasks: Sequence[str], given: dict[str, Any]) -> tuple[str, ...]:
    """Return what is asked of answers that rules left unread."""
    if tasks and tuple(tasks) != ("label",):
        raise ConfigError("unread answers are labelled: with --unread give --tasks label, or no tasks.")
    if not given["run_folder"]:
        raise ConfigError("--unread needs the run whose answers couldn't be read: --run RUN or --run EVALUATION.")
    return ("label",)


def _only_translations(tasks: Sequence[str], given: dict[str, Any]) -> tuple[str, ...]:
    """Return what is asked where an audit needs labels."""
    if tasks and tuple(tasks) != ("translation",):
        raise ConfigError("an audit's labels are scores of translations: with --for-audit give no other tasks.")
    if given["order"] == "value":
        raise ConfigError("--for-audit draws with known chances, in any order: leave --order value out.")
    return ("translation",)


def _answers(given: dict[str, Any], target: str) -> tuple[list[Answered], list[str], int]:
    """Return what was answered, the arms, and how many answers are blank that people would label."""
    if given["run_folder"] and given["answers"]:
        raise ConfigError("give either --run or --answers.")
    answered: list[Answered] = []
    blank = 0
    if given["answers"]:
        answered = read_answers(given["answers"])
    elif given["unread"]:
        from passerelle.comparison.answered import read_unread

        answered, blank = read_unread(given["run_folder"], given["arms"], target, given["images"])
    elif given["run_folder"]:
        from passerelle.comparison.answered import read_run

        answered = read_run(given["run_folder"], given["arms"])
    known = sorted({arm for row in answered for arm in row.answers})
    arms = list(dict.fromkeys(given["arms"] or known))
    for arm in arms:
        if answered and arm not in known:
            raise ConfigError(unknown("arm", arm, known))
    return answered, arms, blank


def _pairs(given: dict[str, Any]) -> Paired | None:
    if given["pearmut"]:
        from passerelle.review.putting_back.pearmut import read_pearmut

        return read_pearmut(given["pearmut"], given["source_language"], given["target_language"])
    if not given["data"]:
        return None
    if not given["translated"]:
        raise ConfigError("give the translation of the data too: --translated FILE.")
    keys = ("source_language", "target_language", "format", "fields", "image_fields", "images_anywhere")
    images = given["images"] or (given["data"] if given["data"].is_dir() else None)
    options = PairOptions(**{key: given[key] for key in keys}, images=images)
    paired = read_pairs(given["data"], given["translated"], options)
    say_gaps(paired)
    return paired


def _unseen(row: PairedRow) -> list[str]:
    """List the pictures of a row that nobody will see, since it isn't known where they are."""
    is_seen = any(pair.picture for pair in row.pairs)
    return [] if is_seen else [name for name in row.row.images if not name.startswith("data:")]


def _tasks(tasks: Sequence[str], answered: Sequence[Answered], paired: Paired | None) -> list[str]:
    possible = {
        "judge": bool(answered),
        "translation": paired is not None,
        "write": paired is not None and any(pair.picture for pair in paired.pairs),
        "label": bool(answered),
    }
    needs = {"judge": "--run or --answers", "label": "--run or --answers", "translation": "--data and --translated",
             "write": "--data with pictures and --images"}  # fmt: skip
    for task in tasks:
        if task not in TASKS:
            raise ConfigError(unknown("task", task, TASKS))
        if not possible[task]:
            raise ConfigError(f"the task {task!r} needs {needs[task]}.")
    wanted: list[str] = [task for task in TASKS if (task in tasks if tasks else possible[task])]
    if not wanted:
        raise ConfigError("say what is reviewed: --run RUN, --answers FILE, or --data FILE --translated FILE.")
    return wanted
