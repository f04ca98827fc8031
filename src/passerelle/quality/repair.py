"""Repair translations in the order of cost: what people wrote, more candidates and a choice, and a queue for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from passerelle.errors import InputError
from passerelle.formats.saving import save
from passerelle.quality.assessing import Assess, Assessment
from passerelle.quality.base import Pair
from passerelle.quality.candidates import Candidate, Pool
from passerelle.quality.choose import Scorer, choose
from passerelle.quality.pairs import Paired, PairedRow
from passerelle.runs import write_atomically
from passerelle.translation.memory import Memory
from passerelle.translation.options import find_collision
from passerelle.translation.verify import verify

CHARACTERS_PER_MINUTE = 300.0
"""How fast a person reads a pair and corrects it."""
MINUTES_PER_PAIR = 0.1
"""What each pair takes beside, however short."""
BY_PEOPLE = ("human-translation", "native")


@dataclass(frozen=True)
class Repaired:
    """What became of a pair.

    Attributes:
        pair: As it was.
        text: Its translation now.
        way: ``kept``, ``memory``, or how the chosen candidate came to be.
        before: Its assessment before.
        after: Its assessment now.
    """

    pair: Pair
    text: str
    way: str
    before: Assessment
    after: Assessment

    @property
    def is_changed(self) -> bool:
        """Whether the translation is another one."""
        return self.text != self.pair.target

    @property
    def minutes(self) -> float:
        """How long a person would take."""
        return MINUTES_PER_PAIR + (len(self.pair.source) + len(self.text)) / CHARACTERS_PER_MINUTE

    @property
    def gain_per_minute(self) -> float:
        """How much of an accepted pair a person's minute is expected to bring."""
        return (1 - self.after.probability) / self.minutes


class Repairer:
    """Repairs pairs.

    Attributes:
        signature: What repairs are stored under, in the memory.
    """

    def __init__(
        self, pool: Pool, scorer: Scorer, assess: Assess, memory: Memory, signature: str, good: float = 0.7
    ) -> None:
        """Take what repairs.

        Args:
            pool: Makes candidates.
            scorer: Chooses among them.
            assess: Estimates pairs.
            memory: Where people's translations are found and repairs are kept.
            signature: Signature of the engine whose translations are corrected.
            good: Pairs whose probability is at least this are left as they are, 0..1.
        """
        self._pool, self._scorer, self._assess, self._memory = pool, scorer, assess, memory
        self._good, self.signature = good, signature

    def repair(self, pairs: Sequence[Pair]) -> list[Repaired]:
        """Repair each pair that isn't good; a candidate is taken only where the estimate doesn't fall.

        Raises:
            RunError: An engine or a check failed.
            StorageError: The memory can't be read.
        """
        before = self._assess.estimate(pairs)
        texts = self._by_people(pairs)
        ways = {pair: "memory" for pair in texts}
        weak = [
            pair
            for pair, found in zip(pairs, before, strict=True)
            if found.probability < self._good and pair not in texts
        ]
        for pair, chosen in self._chosen(list(dict.fromkeys(weak))).items():
            texts[pair], ways[pair] = chosen.text, chosen.way
        proposed = [_with(pair, texts.get(pair, pair.target)) for pair in pairs]
        after = self._assess.estimate(proposed)
        done = []
        for pair, new, was, now in zip(pairs, proposed, before, after, strict=True):
            way = ways.get(pair, "kept")
            taken = new.target != pair.target and (way == "memory" or now.probability >= was.probability)
            done.append(
                Repaired(pair, new.target, way, was, now) if taken else Repaired(pair, pair.target, "kept", was, was)
            )
        return done

    def _by_people(self, pairs: Sequence[Pair]) -> dict[Pair, str]:
        found: dict[Pair, str] = {}
        for source, target in dict.fromkeys((pair.source_language, pair.target_language) for pair in pairs):
            ours = [pair for pair in pairs if (pair.source_language, pair.target_language) == (source, target)]
            known = self._memory.lookup([pair.source for pair in ours], source, target, None)
            for pair in ours:
                if pair.source in known and known[pair.source].origin in BY_PEOPLE:
                    found[pair] = known[pair.source].translation
        return found

    def _chosen(self, pairs: Sequence[Pair]) -> dict[Pair, Candidate]:
        """Choose for each pair among the candidates that keep its protected parts, its own text among them."""
        pools = self._pool.candidates([pair.source for pair in pairs])
        chosen = {}
        for pair, pool in zip(pairs, pools, strict=True):
            own = [] if any(one.text == pair.target for one in pool) else [Candidate(pair.target, "now", "the file")]
            sound = [one for one in pool if not verify(pair.source, one.text, None, pair.source_language)]
            if sound:
                chosen[pair] = choose(pair.source, [*sound, *own], self._scorer)
        return chosen


def _with(pair: Pair, target: str) -> Pair:
    return pair if target == pair.target else replace(pair, target=target, marked=None)


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
    done = repairer.repair(paired.pairs)
    values, texts, places = iter(done), [], []
    for row in paired.rows:
        ours = [next(values) for _ in row.pairs]
        texts.append(settle_row(row, ours))
        places += [(row.row.id, place) for place in row.places]
    save(paired.format, paired.path, out, ((row.row, new) for row, new in zip(paired.rows, texts, strict=True)))
    review = out.parent / "review.jsonl"
    left = [(place, found) for place, found in zip(places, done, strict=True) if found.after.probability < good]
    left.sort(key=lambda pair: -pair[1].gain_per_minute)
    lines = (json.dumps(_review_line(*place, found), ensure_ascii=False) + "\n" for place, found in left)
    write_atomically(review, "".join(lines))
    _remember(done, memory, repairer.signature)
    ways = Counter(found.way for found in done if found.is_changed)
    return {
        "pairs": len(done),
        "changed": sum(ways.values()),
        "ways": dict(sorted(ways.items())),
        "for_review": len(left),
        "review_minutes": round(sum(found.minutes for _, found in left), 1),
        "mean_before": _mean([found.before.probability for found in done]),
        "mean_after": _mean([found.after.probability for found in done]),
        "out": str(out),
        "review": str(review),
    }


def _remember(done: Sequence[Repaired], memory: Memory, signature: str) -> None:
    made: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for found in done:
        if found.is_changed and found.way != "memory":
            languages = found.pair.source_language, found.pair.target_language
            made.setdefault(languages, []).append((found.pair.source, found.text))
    for (source, target), translations in made.items():
        memory.store(translations, source, target, signature, "repaired")


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
