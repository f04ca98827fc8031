"""Items whose translation is suspect: named in a file, or found by the audit's estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from passerelle.errors import ConfigError, InputError
from passerelle.evaluation.rows import BrokenRow, read_rows
from passerelle.evaluation.benchmarks.base import Item
from passerelle.quality.assessing import Assess
from passerelle.quality.base import Pair

SUSPECT_BELOW = 0.5
"""Probability that a native reader would accept an item's worst text, below which the item is suspect."""


def read_suspects(path: Path) -> dict[str, set[str]]:
    """Read ids of suspect items by benchmark; those of all are under an empty name.

    A file is a list of ids, or rows with ``id`` (or ``question_id``, ``index``), and ``benchmark`` where there are
    several. Rows with a ``probability`` are suspect below one half, and rows with a ``verdict`` unless it is
    ``keep``: what ``passerelle gate`` writes fits.

    Raises:
        InputError: The file can't be read, or names no id.
    """
    if path.suffix == ".txt":
        lines = path.read_text(encoding="utf-8").split() if path.is_file() else []
        if not lines:
            raise InputError(f"{str(path)!r} names no suspect item: give a file with an id in each line.")
        return {"": set(lines)}
    found: dict[str, set[str]] = {}
    rows = 0
    for row in read_rows([str(path)]):
        if isinstance(row, BrokenRow):
            raise InputError(f"{str(path)!r}: {row}.")
        key = next((str(row[k]) for k in ("id", "question_id", "index", "_key") if row.get(k) not in (None, "")), "")
        rows += bool(key)
        probability, verdict = row.get("probability"), row.get("verdict")
        clean = float(probability) >= SUSPECT_BELOW if probability not in (None, "") else verdict == "keep"
        if key and not clean:
            found.setdefault(str(row.get("benchmark", "")), set()).add(key)
    if not rows:
        raise InputError(f"{str(path)!r} names no items: each row needs an id.")
    return found


def audited(english: Sequence[Item], other: Sequence[Item], assess: Assess) -> dict[str, float]:
    """Estimate each item's translation by its worst text.

    Args:
        english: The items in English.
        other: The same in another language.
        assess: The estimate.

    Returns:
        By the item's id, the probability that a native reader would accept it.
    """
    sources = {item.id: item for item in english}
    pairs: list[Pair] = []
    owners: list[str] = []
    for item in other:
        if item.id not in sources:
            continue
        for field, source, target in _texts(sources[item.id], item):
            if source.strip() and target.strip() and not target.strip().isdigit():
                pairs.append(Pair(source, target, "en", item.language, field, cluster=item.id))
                owners.append(item.id)
    unique = list(dict.fromkeys((p.source, p.target, p.field) for p in pairs))
    first = {(p.source, p.target, p.field): p for p in pairs}
    estimates = assess.estimate([first[key] for key in unique])
    known: Mapping[tuple[str, str, str], float] = {k: e.probability for k, e in zip(unique, estimates, strict=True)}
    worst: dict[str, float] = {}
    for owner, pair in zip(owners, pairs, strict=True):
        value = known[pair.source, pair.target, pair.field]
        worst[owner] = min(worst.get(owner, 1.0), value)
    return worst


def _texts(source: Item, target: Item) -> list[tuple[str, str, str]]:
    found = [("question", source.question, target.question), ("text", source.hint, target.hint)]
    if len(source.options) == len(target.options) > 2:
        found += [("option", a, b) for a, b in zip(source.options, target.options, strict=True)]
    return found


def open_audit(languages: Sequence[str], calibration: Path | None) -> Assess:
    """Open the audit's estimate for the one language beside English.

    Raises:
        ConfigError: English isn't among the languages, or there isn't exactly one other.
        InputError: There is no calibration for the language.
    """
    from passerelle.quality.estimate.calibrated import open_assess

    others = [code for code in languages if code != "en"]
    if len(others) != 1 or "en" not in languages:
        raise ConfigError("--audit compares one language with English: write --language fr,en.")
    return open_assess("en", others[0], calibration)
