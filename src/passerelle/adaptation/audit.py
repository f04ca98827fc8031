"""A look at what will be learnt, before the first step: the table of parts, and the labels of a few samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.evaluation.metrics.answer_language import judge_answer
from passerelle.languages.contrast import refusal
from passerelle.models.conversing import IGNORED, Encoded
from passerelle.models.families import Part
from passerelle.models.pretrained import PretrainedModel, part_table

SHOWN = 4


@dataclass(frozen=True)
class LabelAudit:
    """What the labels of a stage's samples hold.

    Attributes:
        samples: Samples looked at.
        supervised: Share of their tokens that is learnt.
        stopped: Share of samples whose last learnt token ends a turn.
        in_language: Share of their replies in the target language, of those that show one; NaN without any.
        spans: What is learnt of a few samples, decoded.
    """

    samples: int
    supervised: float
    stopped: float
    in_language: float
    spans: list[str]


def audit_labels(pretrained: PretrainedModel, rows: Sequence[Encoded], language: str, most: int = 64) -> LabelAudit:
    """Look at the labels of the first rows.

    Args:
        pretrained: The model that they were encoded for.
        rows: A stage's rows.
        language: Code of the target language.
        most: Rows that are looked at.
    """
    seen = rows[:most]
    tokenizer = pretrained.tokenizer
    ends = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    learnt = [row.labels[row.labels != IGNORED].tolist() for row in seen]
    spans = [tokenizer.decode(ids) for ids in learnt]
    plain = [tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in learnt]
    told = not refusal(language)
    verdicts = [judge_answer(text, "", language).verdict for text in plain if text and told]
    known = [verdict for verdict in verdicts if verdict != "unknowable"]
    return LabelAudit(
        len(seen),
        sum(map(len, learnt)) / sum(map(len, seen)),
        sum(ids[-1] in ends for ids in learnt) / len(seen),
        sum(verdict == "target" for verdict in known) / len(known) if known else float("nan"),
        spans[:SHOWN],
    )


def describe_parts(pretrained: PretrainedModel, groups: Sequence[ParameterGroup]) -> list[dict[str, Any]]:
    """Return the table of parts with the learning rate of each."""
    rates = {group.name: group.learning_rate for group in groups}
    return [{**asdict(row), "learning_rate": rates.get(row.part)} for row in part_table(pretrained)]


def found_parts(pretrained: PretrainedModel) -> str:
    """Return where a model's parts were found and how many parameters each has, in one line."""
    family = pretrained.family
    places: dict[Part, tuple[str, ...]] = {
        "tower": family.tower, "projector": family.projector, "language": (family.language,), "head": (family.head,)
    }  # fmt: skip
    counts = {row.part: row.parameters for row in part_table(pretrained)}
    told = [
        f"{'language model' if part == 'language' else part} {', '.join(prefixes)} ({_counted(counts.get(part))})"
        for part, prefixes in places.items()
        if prefixes
    ]
    if "tower" not in counts:
        told.insert(0, "no tower")
    told += [f"what is none of these ({_counted(counts['extra'])})"] if "extra" in counts else []
    return f"{family.name}: {'; '.join(told)}"


def _counted(parameters: int | None) -> str:
    return "the embeddings' weights" if parameters is None else f"{parameters:,} parameters"


def print_parts(
    rows: Sequence[dict[str, Any]], title: str, adapted: Mapping[str, int], experts: bool, stderr: bool = True
) -> None:
    """Print the table of parts, and what adapters are on.

    Args:
        rows: The table.
        title: Stands above it.
        adapted: What adapters are on, within a layer, and in how many layers.
        experts: Whether the model has mixtures of experts.
        stderr: Where: on stderr, or as a result on stdout.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in ("part", "parameters", "trainable", "adapters", "learning rate", "dtype"):
        table.add_column(name, justify="left" if name in ("part", "dtype") else "right")
    for row in rows:
        rate = "–" if row["learning_rate"] is None else f"{row['learning_rate']:g}"
        counts = (f"{row[key]:,}" for key in ("parameters", "trainable", "adapter"))
        table.add_row(row["part"], *counts, rate, row["dtype"])
    console = Console(stderr=stderr)
    console.print(table)
    if adapted:
        listed = ", ".join(f"{name} ({times})" for name, times in adapted.items())
        console.print(f"adapters on: {listed}", highlight=False)
        if experts and not any("experts" in name.split(".") for name in adapted):
            console.print("experts of the mixture: none is adapted; experts: true adapts them all", highlight=False)


def print_labels(audit: LabelAudit, language: str) -> None:
    """Print what is learnt on stderr."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    told = f"; whether the replies are in {language!r} can't be told"
    if not math.isnan(audit.in_language):
        told = f", {audit.in_language:.0%} of the replies are in {language!r}"
    console.print(
        f"labels of {audit.samples} samples: {audit.supervised:.0%} of the tokens are learnt, {audit.stopped:.0%} end "
        f"with the end of the turn{told}",
        highlight=False,
    )
    for span in audit.spans:
        console.print(f"  learnt: {escape(repr(span))}", highlight=False)
