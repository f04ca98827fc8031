"""Experts' corrections in a comparison: machine text that is trained on gets them; what that changes in scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.errors import ConfigError, InputError
from passerelle.evaluation.statistics.scores import compare_arms
from passerelle.runs import read_json
from passerelle.translation.memory.memory import TranslationMemory

if TYPE_CHECKING:
    from passerelle.compare.arms import ArmRun, Bench

HUMAN = ("human-translation", "native")


@dataclass(frozen=True)
class Review:
    """What `passerelle review apply` left.

    Attributes:
        memory: The memory with the corrections.
        target: BCP-47 code of their language.
        expert_hours: What they cost.
        corrections: How many there are.
        sources: The texts that were corrected.
    """

    memory: Path
    target: str
    expert_hours: float
    corrections: int
    sources: frozenset[str]


def read_review(path: Path) -> Review:
    """Read ``applied.json``.

    Raises:
        InputError: It isn't there, isn't one, or its memory isn't there.
    """
    content: Any = read_json(path)
    try:
        found = Review(
            Path(content["memory"]), content["languages"][1], float(content["expert_hours"]),
            int(content["corrections"]), frozenset(content["corrected_sources"]),
        )  # fmt: skip
    except (TypeError, KeyError, ValueError):
        raise InputError(f"no review at {str(path)!r}: give the applied.json of `passerelle review apply`.") from None
    if not found.memory.is_file():
        raise InputError(f"the review's memory {str(found.memory)!r} is gone: run `passerelle review apply` again.")
    return found


def with_corrections(
    translate: Callable[[Sequence[str]], list[str]], review: Review | None, target: str
) -> Callable[[Sequence[str]], list[str]]:
    """Put people's corrections before an engine: what they corrected is theirs, the rest the engine's.

    Raises:
        ConfigError: The review is of another language.
    """
    if review is None:
        return translate
    if review.target != target:
        raise ConfigError(f"the review is of {review.target!r}, the experiment of {target!r}.")

    def corrected(texts: Sequence[str]) -> list[str]:
        with TranslationMemory(review.memory) as memory:
            known = memory.lookup(texts, "en", target, None)
        theirs = {text: found.translation for text, found in known.items() if found.origin in HUMAN}
        made = translate(texts)
        return [theirs.get(text, own) for text, own in zip(texts, made, strict=True)]

    return corrected


def per_hour(difference: Any, hours: float) -> dict[str, Any]:
    """Return a difference as plain types, with what an expert's hour brought."""
    row = dataclasses.asdict(difference)
    ends = {key: row[key] for key in ("difference", "low", "high")}
    return {**row, "per_expert_hour": {key: value / hours for key, value in ends.items()} if hours else None}


def outdated_arms(folder: Path, review: Review) -> list[str]:
    """Return the arms that the run folder doesn't have with a review's corrections; `compare --review` runs those.

    Raises:
        InputError: There is no finished run in the folder.
    """
    from passerelle.compare.answered import arm_answers, open_run
    from passerelle.compare.arms import ARMS

    bench = _without_review(open_run(folder), review)
    return [
        arm
        for arm in bench.experiment.arms
        if ARMS[arm].text == "machine" and any(arm_answers(bench, arm, seed) is None for seed in bench.experiment.seeds)
    ]


def review_change(bench: Bench, runs: Sequence[ArmRun]) -> dict[str, Any] | None:
    """Say by how much a review changed the scores of the arms that it touches.

    Held against the same arms without the review, where the run folder has their answers: the same questions,
    paired. Each difference also comes per expert hour.

    Returns:
        The review's cost and the differences; ``None`` without a review.
    """
    from passerelle.compare.answered import TEST, arm_answers

    review = bench.data.review
    if review is None:
        return None
    before = _without_review(bench, None)
    by_arm: dict[str, list[ArmRun]] = {}
    for run in runs:
        if run.status == "done" and TEST in run.answers and _is_touched(before, bench, run.name):
            by_arm.setdefault(run.name, []).append(run)
    changes: list[dict[str, Any]] = []
    missing = []
    for name, own in by_arm.items():
        old = [arm_answers(before, name, run.seed) for run in own]
        paired = [(run.answers[TEST], known) for run, known in zip(own, old, strict=True) if known is not None]
        if not paired:
            missing.append(name)
            continue
        found = compare_arms(
            bench.questions_for(name)[TEST],
            [new for new, _ in paired],
            [known for _, known in paired],
            rule=bench.experiment.rule,
            test=TEST,
            language=bench.data.target,
            arm=name,
            against=f"{name} before the review",
        )
        changes += [per_hour(difference, review.expert_hours) for difference in found]
    return {
        "expert_hours": review.expert_hours,
        "corrections": review.corrections,
        "changes": changes,
        "without_before": missing,
    }


def _without_review(bench: Bench, review: Review | None) -> Bench:
    """Return the bench with another review, or with none; samples are made anew."""
    return dataclasses.replace(bench, data=dataclasses.replace(bench.data, review=review, _samples={}))


def _is_touched(before: Bench, after: Bench, arm: str) -> bool:
    from passerelle.compare.arms import ARMS

    if ARMS[arm].text != "machine":
        return False
    seed = before.experiment.seeds[0]
    return before.arm_folder(arm, seed) != after.arm_folder(arm, seed)


def change_lines(change: dict[str, Any]) -> list[str]:
    """Say a change in lines of plain text, for the terminal: the metrics over all pictures."""
    hours = change["expert_hours"]
    lines = [f"Review: {change['corrections']:,} corrections in {hours:.2f} expert hours."]
    for row in change["changes"]:
        if row["source"] != "all":
            continue
        ends = f"{row['difference']:+.1f} [{row['low']:+.1f}, {row['high']:+.1f}]"
        hourly = row["per_expert_hour"]
        each = "" if hourly is None else (
            f"; per expert hour {hourly['difference']:+.1f} [{hourly['low']:+.1f}, {hourly['high']:+.1f}]"
        )  # fmt: skip
        lines.append(f"  {row['arm']}, {row['metric']}: {ends}{each}")
    lines += [f"  {name}: not run before the review, so no change can be said" for name in change["without_before"]]
    if not change["changes"] and not change["without_before"]:
        lines.append("  no arm of this experiment trains on a text that was corrected")
    return lines
