"""Sort translated rows into keep, repair and drop, each with its reason; nothing is deleted."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from passerelle.config import Settings, check_kind, read_yaml
from passerelle.errors import ConfigError, InputError, unknown
from passerelle.formats.saving import save
from passerelle.quality.assessing import Assess, in_blocks
from passerelle.quality.base import PairedRow
from passerelle.quality.estimate.fitness import Watched
from passerelle.quality.pairs import Paired
from passerelle.runs import storage, written_lines

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


class Judged(NamedTuple):
    """What is thought of a row.

    Attributes:
        probability: Of its worst text.
        worst: Which of its texts that is.
        said: What speaks most against it.
    """

    probability: float
    worst: int
    said: str


def judge(watched: Watched, rows: Iterable[PairedRow]) -> Iterator[Judged]:
    """Judge each row by its worst text, some rows at a time.

    Args:
        watched: Estimates pairs.
        rows: The rows.
    """
    for block in in_blocks(rows):
        found = iter(watched.estimate([pair for row in block for pair in row.pairs]))
        for row in block:
            ours = [next(found) for _ in row.pairs]
            worst = min(range(len(ours)), key=lambda place: ours[place].probability)
            yield Judged(ours[worst].probability, worst, ours[worst].reason)


def kept_rows(worst: NDArray[np.float64], settings: GateSettings) -> NDArray[np.bool_]:
    """Say which rows are kept; of equally good ones the first [rows].

    Args:
        worst: Probability of each row's worst text [rows].
        settings: Thresholds.
    """
    if settings.keep_share is None:
        return worst >= settings.keep_above
    kept = np.zeros(len(worst), dtype=np.bool_)
    kept[np.argsort(-worst, kind="stable")[: round(settings.keep_share * len(worst))]] = True
    return kept


def decide(
    rows: Iterable[PairedRow], judged: Iterable[Judged], kept: Iterable[bool], settings: GateSettings
) -> Iterator[Decision]:
    """Sort rows.

    Args:
        rows: The rows.
        judged: What is thought of each.
        kept: Whether each is kept.
        settings: Thresholds.
    """
    for row, found, is_kept in zip(rows, judged, kept, strict=True):
        verdict: Verdict = "keep" if is_kept else "drop" if found.probability < settings.drop_below else "repair"
        yield Decision(row, verdict, found.probability, _reason(row, found, verdict, settings))


def _reason(row: PairedRow, found: Judged, verdict: Verdict, settings: GateSettings) -> str:
    value = found.probability
    if settings.keep_share is not None and verdict != "drop":
        inside = "among" if verdict == "keep" else "not among"
        limit = f"{value:.2f}, {inside} the best {settings.keep_share:.0%}"
    elif verdict == "keep":
        limit = f"{value:.2f} ≥ {settings.keep_above:g}"
    else:
        limit = f"{value:.2f} < {settings.drop_below if verdict == 'drop' else settings.keep_above:g}"
    return f"{row.places[found.worst]}: {limit}" + (f": {found.said}" if found.said and verdict != "keep" else "")


def gate(paired: Paired, assess: Assess, settings: GateSettings, out: Path) -> dict[str, Any]:
    """Write the kept rows in the format of the translated file, and the others beside it.

    Rows without any text hold nothing to judge: they are kept.

    Args:
        paired: The files.
        assess: Estimates pairs.
        settings: Thresholds.
        out: The file of the kept rows; ``repair.jsonl`` and ``dropped.jsonl`` are written in its folder.

    Returns:
        Counts, the best row's probability, whether the estimate fits (``fitness``), thresholds and paths.

    Raises:
        InputError: `out` would replace the translated file, or that changed meanwhile.
        StorageError: A file can't be written.
    """
    if out.resolve() == paired.path.resolve():
        raise InputError(f"{str(out)!r} is the translated file itself: give another --out.")
    watched = Watched(assess)
    others: dict[Verdict, Path] = {"repair": out.parent / "repair.jsonl", "drop": out.parent / "dropped.jsonl"}
    # What is thought of each row waits in a file: which rows are kept is known when all are judged.
    with storage(out), TemporaryFile("w+", encoding="ascii") as waiting:
        probabilities = array("d")
        for found in judge(watched, paired.rows):
            probabilities.append(found.probability)
            waiting.write(json.dumps(found) + "\n")
        worst = np.frombuffer(probabilities, dtype=np.float64)
        kept = kept_rows(worst, settings)
        keeping = (row for row, is_kept in zip(paired.rows, kept, strict=True) if is_kept)
        save(paired.format, paired.path, out, paired.with_texts((row, {}) for row in keeping))
        counts: Counter[Verdict] = Counter()
        waiting.seek(0)
        judged = (Judged(*json.loads(line)) for line in waiting)
        with ExitStack() as stack:
            files = {name: stack.enter_context(written_lines(path)) for name, path in others.items()}
            for decision in decide(paired.rows, judged, kept, settings):
                counts[decision.verdict] += 1
                if decision.verdict in files:
                    files[decision.verdict].write(json.dumps(decision.as_dict(), ensure_ascii=False) + "\n")
    fitness = watched.fitness
    return {
        "rows": len(worst), "without_text": len(paired.without_text),
        **{verdict: counts[verdict] for verdict in ("keep", "repair", "drop")},
        "best": round(float(max(worst, default=0.0)), 4),
        "settings": settings.model_dump(), "calibrated_on": assess.calibrated_on,
        "unsaid": [str(one) for one in watched.unsaid.found()],
        "fitness": "" if fitness is None else fitness.says,
        "asked": {name: asdict(taken) for name, taken in assess.taken.items()},
        "kept": str(out), "repairs": str(others["repair"]), "dropped": str(others["drop"]),
    }  # fmt: skip
