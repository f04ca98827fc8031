"""Experts' corrections in a comparison: machine text that is trained on gets them; what that changes in scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passerelle.comparison.settings import ENGLISH_DATA, Experiment
from passerelle.comparison.translating import Made
from passerelle.costs.book import part
from passerelle.costs.ledger import Phase, measured
from passerelle.errors import ConfigError, InputError
from passerelle.runs import content_hash, read_json
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.rejects import rejected_rows

BEFORE = "{arm} before the review"


@dataclass(frozen=True)
class Review:
    """What `passerelle review apply` left.

    Attributes:
        memory: The memory with the corrections.
        target: BCP-47 code of their language.
        expert_hours: What they cost.
        corrections: How many there are.
        texts: Translation by source text, of all that was corrected.
    """

    memory: Path
    target: str
    expert_hours: float
    corrections: int
    texts: Mapping[str, str]


def read_review(path: Path, target: str) -> Review:
    """Read ``applied.json``.

    Raises:
        ConfigError: The review is of another language.
        InputError: It isn't there, isn't one, or its memory isn't there.
    """
    content: Any = read_json(path)
    try:
        found = Review(
            Path(content["memory"]), content["languages"][1], float(content["expert_hours"]),
            int(content["corrections"]), dict(content["corrected_texts"]),
        )  # fmt: skip
    except (TypeError, KeyError, ValueError):
        raise InputError(f"no review at {str(path)!r}: give the applied.json of `passerelle review apply`.") from None
    if not found.memory.is_file():
        raise InputError(f"the review's memory {str(found.memory)!r} is gone: run `passerelle review apply` again.")
    if found.target != target:
        raise ConfigError(f"the review is of {found.target!r}, the experiment of {target!r}.")
    return found


def corrected_file(machine: Made, english: Path, review: Review, experiment: Experiment) -> Made:
    """Return a machine translation with experts' corrections; the translation itself where none touches it.

    Only rows that hold a corrected text are translated again, by the review's memory; the others keep their bytes.

    Raises:
        UserError: Something that the user can put right.
        RunError: The engine can't go on.
        StorageError: The disk is full.
    """
    from passerelle.review.putting_back.retranslate import retranslate

    if not review.texts:
        return machine
    # Not the memory's hash: whatever is translated with it is kept in it.
    key = content_hash([machine.path.name, sorted(review.texts.items())])[:8]
    out = machine.path.with_name(f"reviewed-{key}{machine.path.suffix}")
    if (known := Made.known(out)) is not None:
        return known
    engine, data = experiment.translation, experiment.data[ENGLISH_DATA]
    job = Job(
        source=english,
        out=out,
        target_language=experiment.target,
        memory=review.memory,
        engine=engine.engine,
        engine_options=engine.options,
        fallback=engine.fallback,
        glossary=engine.glossary,
        phrasebook=engine.phrasebook,
        images=data.images,
        images_anywhere=data.images_anywhere,
    )
    phase = Phase("data, experts' corrections")
    with measured(phase), part("data, experts' corrections"):
        found = retranslate(job, machine.path, review.texts, left_out=rejected_rows(machine.path))
    phase.expert_minutes = review.expert_hours * 60
    if not found.changed:
        return machine
    by = f"review, {found.changed} of {found.rows} rows changed"
    return Made(out, phase, found.rows, machine.rejected, by).keep()


def review_change(
    review: Review, comparisons: Sequence[Mapping[str, Any]], touched: Sequence[str], without_before: Sequence[str]
) -> dict[str, Any]:
    """Say by how much a review changed the scores of the arms that it touches.

    Args:
        review: The review.
        comparisons: Those of the evaluation, the arms before the review among them.
        touched: Arms whose text it changed, which were run before it too.
        without_before: Those that weren't.

    Returns:
        The review's cost and the differences, each also for an expert's hour.
    """
    changes = []
    for arm in touched:
        for found in comparisons:
            if (found["arm"], found["against"]) == (arm, BEFORE.format(arm=arm)):
                changes.append(_per_hour(found, review.expert_hours))
    return {
        "expert_hours": review.expert_hours,
        "corrections": review.corrections,
        "changes": changes,
        "without_before": list(without_before),
    }


def _per_hour(row: Mapping[str, Any], hours: float) -> dict[str, Any]:
    ends = {key: row[key] for key in ("difference", "low", "high")}
    return {**row, "per_expert_hour": {key: value / hours for key, value in ends.items()} if hours else None}


def change_lines(change: Mapping[str, Any]) -> list[str]:
    """Say a change in lines of plain text, for the terminal."""
    hours = change["expert_hours"]
    lines = [f"Review: {change['corrections']:,} corrections in {hours:.2f} expert hours."]
    for row in change["changes"]:
        ends = f"{row['difference']:+.1f} [{row['low']:+.1f}, {row['high']:+.1f}]"
        hourly = row["per_expert_hour"]
        each = "" if hourly is None else (
            f"; per expert hour {hourly['difference']:+.1f} [{hourly['low']:+.1f}, {hourly['high']:+.1f}]"
        )  # fmt: skip
        lines.append(f"  {row['arm']}, {row['metric']} ({row['test']} test): {ends}{each}")
    lines += [f"  {name}: not run before the review, so no change can be said" for name in change["without_before"]]
    if not change["changes"] and not change["without_before"]:
        lines.append("  no arm of this experiment trains on a text that was corrected")
    return lines
