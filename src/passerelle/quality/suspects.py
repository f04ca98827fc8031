"""Items of a benchmark whose translation is suspect by the audit's estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from passerelle.errors import ConfigError
from passerelle.evaluation.benchmarks.base import Item
from passerelle.evaluation.run import Audit
from passerelle.quality.assessing import Assess
from passerelle.quality.base import Pair
from passerelle.quality.estimate.calibrated import open_assess


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


def open_audit(languages: Sequence[str], calibration: Path | None) -> Audit:
    """Open what finds suspect items by the audit's estimate, for the one language beside English.

    Raises:
        ConfigError: English isn't among the languages, or there isn't exactly one other.
        InputError: There is no calibration for the language.
    """
    others = [code for code in languages if code != "en"]
    if len(others) != 1 or "en" not in languages:
        raise ConfigError("--audit compares one language with English: write --language fr,en.")
    return partial(audited, assess=open_assess("en", others[0], calibration))
