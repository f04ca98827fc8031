"""Sort translated rows into keep, repair and drop, each with its reason; nothing is deleted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from passerelle.config import Settings, check_kind, read_yaml
from passerelle.errors import ConfigError, InputError, unknown
from passerelle.formats.saving import save
from passerelle.quality.assessing import Assess, Assessment
from passerelle.quality.pairs import Paired, PairedRow, worst_of
from passerelle.quality.unsaid import unsaid
from passerelle.runs import write_atomically

Verdict = Literal["keep", "repair", "drop"]


class GateSettings(Settings):
    """Thresholds of the probability that a native reader would accept a row's worst text.

    Attributes:
        keep_above: Rows at or above it are kept.
        drop_below: Rows below it are dropped; what is between is to be repaired.
        keep_share: Keep this share of the rows, the best ones, instead of `keep_above`.
    """

    keep_above: float = Field(default=0.7, ge=0, le=1)
    drop_below: float = Field(default=0.3, ge=0, le=1)
    keep_share: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> GateSettings:
        if self.keep_share is None and self.drop_below > self.keep_above:
            raise ValueError(f"drop_below ({self.drop_below:g}) can't be above keep_above ({self.keep_above:g})")
        return self


def load_gate(path: Path | None, changes: dict[str, Any]) -> GateSettings:
    """Read thresholds from a YAML file, with changes from the command line put in.

    Raises:
        ConfigError: No such file, not YAML, an unknown key, a value out of range.
    """
    content: Any = {}
    if path is not None:
        content = read_yaml(path) or {}
        if not isinstance(content, dict):
            raise ConfigError(f"{path}: thresholds are a mapping, not a {type(content).__name__}.")
        check_kind(GateSettings, content, path)
    for key in content:
        if key not in GateSettings.model_fields:
            raise ConfigError(f"{path}: {unknown('key', key, GateSettings.model_fields)}")
    try:
        return GateSettings.model_validate({**content, **changes})
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'thresholds'}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        )
        raise ConfigError(f"{path or 'gate'}: {said}") from None


@dataclass(frozen=True)
class Decision:
    """What becomes of a row, and why."""

    row: PairedRow
    verdict: Verdict
    probability: float
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types, with the row's texts by place."""
        texts = {
            place: {"source": pair.source, "translation": pair.target}
            for place, pair in zip(self.row.places, self.row.pairs, strict=True)
        }
        return {
            "row": self.row.row.number, "id": self.row.row.id, "verdict": self.verdict,
            "probability": round(self.probability, 4), "reason": self.reason, "texts": texts,
        }  # fmt: skip


def decide(rows: Sequence[PairedRow], assessed: Sequence[Assessment], settings: GateSettings) -> list[Decision]:
    """Judge each row by its worst text.

    Args:
        rows: The rows.
        assessed: An assessment for each pair of each row, in order.
        settings: Thresholds.
    """
    worst = worst_of(rows, [found.probability for found in assessed])
    threshold = settings.keep_above
    kept = {place for place, value in enumerate(worst) if value >= threshold}
    if settings.keep_share is not None:
        order = sorted(range(len(worst)), key=lambda place: (-worst[place], place))
        kept = set(order[: round(settings.keep_share * len(worst))])
    decisions, start = [], 0
    for place, (row, value) in enumerate(zip(rows, worst, strict=True)):
        ours = assessed[start : start + len(row.pairs)]
        start += len(row.pairs)
        verdict: Verdict = "keep" if place in kept else "drop" if value < settings.drop_below else "repair"
        decisions.append(Decision(row, verdict, value, _reason(row, ours, verdict, value, settings)))
    return decisions


def _reason(
    row: PairedRow, assessed: Sequence[Assessment], verdict: Verdict, value: float, settings: GateSettings
) -> str:
    if settings.keep_share is not None and verdict != "drop":
        inside = "among" if verdict == "keep" else "not among"
        limit = f"{value:.2f}, {inside} the best {settings.keep_share:.0%}"
    elif verdict == "keep":
        limit = f"{value:.2f} ≥ {settings.keep_above:g}"
    else:
        limit = f"{value:.2f} < {settings.drop_below if verdict == 'drop' else settings.keep_above:g}"
    index = min(range(len(assessed)), key=lambda place: assessed[place].probability)
    said = assessed[index].reason
    return f"{row.places[index]}: {limit}" + (f": {said}" if said and verdict != "keep" else "")


def gate(paired: Paired, assess: Assess, settings: GateSettings, out: Path) -> dict[str, Any]:
    """Write the kept rows in the format of the translated file, and the others beside it.

    Rows without any text hold nothing to judge: they are kept.

    Args:
        paired: The files.
        assess: Estimates pairs.
        settings: Thresholds.
        out: The file of the kept rows; ``repair.jsonl`` and ``dropped.jsonl`` are written in its folder.

    Returns:
        Counts, the best row's probability, thresholds and paths.

    Raises:
        InputError: `out` would replace the translated file, or that changed meanwhile.
        StorageError: A file can't be written.
    """
    if out.resolve() == paired.path.resolve():
        raise InputError(f"{str(out)!r} is the translated file itself: give another --out.")
    assessed = assess.estimate(paired.pairs)
    decisions = decide(paired.rows, assessed, settings)
    keep = [decision for decision in decisions if decision.verdict == "keep"]
    save(paired.format, paired.path, out, paired.with_texts((decision.row, {}) for decision in keep))
    others: dict[Verdict, Path] = {"repair": out.parent / "repair.jsonl", "drop": out.parent / "dropped.jsonl"}
    for verdict, path in others.items():
        lines = (d.as_dict() for d in decisions if d.verdict == verdict)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        write_atomically(path, text.encode())
    counts = Counter(decision.verdict for decision in decisions)
    return {
        "rows": len(decisions), "without_text": len(paired.without_text),
        **{verdict: counts[verdict] for verdict in ("keep", "repair", "drop")},
        "best": round(max((decision.probability for decision in decisions), default=0.0), 4),
        "settings": settings.model_dump(), "calibrated_on": assess.calibrated_on,
        "unsaid": [str(one) for one in unsaid(one.findings for one in assessed)],
        "asked": {name: asdict(taken) for name, taken in assess.taken.items()},
        "kept": str(out), "repairs": str(others["repair"]), "dropped": str(others["drop"]),
    }  # fmt: skip
