"""Repair a translated file: new texts row by row, the queue for people beside it, and repairs into the memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.errors import InputError
from passerelle.formats.saving import save
from passerelle.quality.base import PairedRow
from passerelle.quality.pairs import Paired
from passerelle.quality.repair.proposing import sentences
from passerelle.quality.repair.repair import Repaired, Repairer
from passerelle.quality.unsaid import unsaid
from passerelle.runs import write_atomically
from passerelle.translation.memory.protocol import Memory
from passerelle.translation.protection.options import find_collision


def settle_row(row: PairedRow, done: Sequence[Repaired]) -> dict[str, str]:
    """Return a row's new texts by place: one text for each source, and no two options alike.

    Args:
        row: The row.
        done: What became of its pairs, in order.
    """
    by_source: dict[str, str] = {}
    for found in done:
        by_source.setdefault(found.pair.source, found.text)
    options = {found.pair.source: by_source[found.pair.source] for found in done if found.pair.field == "option"}
    collides = find_collision(options) is not None
    texts = {}
    for place, found in zip(row.places, done, strict=True):
        text = by_source[found.pair.source]
        if text != found.pair.target and not (collides and found.pair.field in ("option", "answer")):
            texts[place] = text
    return texts


def repair_file(paired: Paired, repairer: Repairer, memory: Memory, out: Path, good: float = 0.7) -> dict[str, Any]:
    """Write the translated file with its repairs, `review.jsonl` beside it, and the repairs into the memory.

    Args:
        paired: The files.
        repairer: Repairs pairs.
        memory: Where repairs are kept, with the origin ``repaired``.
        out: The file to write.
        good: Pairs below this are for people to look at, 0..1.

    Returns:
        Counts and paths.

    Raises:
        InputError: `out` would replace the translated file, or that changed meanwhile.
        StorageError: A file or the memory can't be written.
    """
    if out.resolve() == paired.path.resolve():
        raise InputError(f"{str(out)!r} is the translated file itself: give another --out.")
    done = repairer.repair(list(paired.pairs))
    values, texts, places = iter(done), [], []
    for row in paired.rows:
        ours = [next(values) for _ in row.pairs]
        texts.append(settle_row(row, ours))
        places += [(row.row.id, place) for place in row.places]
    save(paired.format, paired.path, out, paired.with_texts(zip(paired.rows, texts, strict=True)))
    review = out.parent / "review.jsonl"
    left = [(place, found) for place, found in zip(places, done, strict=True) if found.after.probability < good]
    left.sort(key=lambda pair: -pair[1].gain_per_minute)
    lines = (json.dumps(_review_line(*place, found), ensure_ascii=False) + "\n" for place, found in left)
    write_atomically(review, "".join(lines))
    _remember(done, memory, repairer)
    ways = Counter(found.way for found in done if found.is_changed)
    return {
        "pairs": len(done),
        "changed": sum(ways.values()),
        "ways": dict(sorted(ways.items())),
        "for_review": len(left),
        "review_minutes": round(sum(found.minutes for _, found in left), 1),
        "mean_before": _mean([found.before.probability for found in done]),
        "mean_after": _mean([found.after.probability for found in done]),
        "unsaid": [str(one) for one in unsaid(found.before.findings for found in done)],
        "out": str(out),
        "review": str(review),
        **({"post_editing_stopped": repairer.stopped} if repairer.stopped else {}),
    }


def _remember(done: Sequence[Repaired], memory: Memory, repairer: Repairer) -> None:
    """Keep repairs, of long texts sentence by sentence too: that is how a later translation looks them up."""
    made: dict[tuple[str, str], dict[str, str]] = {}
    for found in done:
        if found.is_changed and found.way not in ("memory", "repaired-before", "phrasebook"):
            kept = made.setdefault((found.pair.source_language, found.pair.target_language), {})
            kept[found.pair.source] = found.text
            ours = sentences(found.pair.source, found.pair.source_language)
            theirs = sentences(found.text, found.pair.target_language)
            if len(ours) == len(theirs) > 1:
                kept |= {one: other for (one, _), (other, _) in zip(ours, theirs, strict=True)}
    for (source, target), translations in made.items():
        memory.store(
            translations.items(), source, target, repairer.signature, "repaired", glossary=repairer.glossary_digest
        )


def _review_line(name: str, place: str, found: Repaired) -> Mapping[str, Any]:
    return {
        "id": name,
        "place": place,
        "source": found.pair.source,
        "translation": found.text,
        "probability": round(found.after.probability, 4),
        "reason": found.after.reason,
        "minutes": round(found.minutes, 2),
        "gain_per_minute": round(found.gain_per_minute, 4),
    }


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0
