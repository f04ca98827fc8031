"""Where corrections go: one correction of a text reaches every row that holds it, and this is listed first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from passerelle.quality.base import Pair
from passerelle.quality.pairs import Paired, PairOptions, read_pairs
from passerelle.review.findings.judged import Judged
from passerelle.review.putting_back.corrections import Correction, Native, corrections_of, natives_of, written_in
from passerelle.review.putting_back.retranslate import PLACE
from passerelle.review.store.parts import broken, fitted, has_parts_of
from passerelle.translation.dataset.rejects import rejected_rows

_PICTURE_TEXTS = ("caption", "text")
"""Fields that say what is in a picture, so that a caption may stand there; a question or an answer doesn't."""


@dataclass(frozen=True)
class Reach:
    """A text that experts wrote, with all rows that it goes into.

    Attributes:
        source: What it stands for.
        machine: What stood there before.
        text: What they wrote.
        origin: ``human-translation`` of a correction, ``native`` of a caption.
        rows: Ids of the rows, in the order of the data.
    """

    source: str
    machine: str
    text: str
    origin: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """A text that experts wrote and that can't stand in the data, with the reason code of `verify`."""

    row: str
    source: str
    text: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Plan:
    """What is about to be put back.

    Attributes:
        corrections: Those that can stand in the data.
        natives: All that experts wrote of their own.
        alone: Captions of them that stand for a translation.
        left_out: Corrections and captions that can't stand in the data.
        texts: What becomes of each place that a text goes to.
        reaches: The same, listed by what was written.
    """

    corrections: list[Correction]
    natives: list[Native]
    alone: list[Native] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    texts: dict[PLACE, str] = field(default_factory=dict)
    reaches: list[Reach] = field(default_factory=list)

    @property
    def by_source(self) -> dict[str, str]:
        """One text for each source: what has several translations may have been corrected in several ways."""
        votes: dict[str, Counter[str]] = {}
        for one in self.corrections:
            votes.setdefault(one.source, Counter())[one.text] += one.agreeing
        agreed = {source: counts.most_common(1)[0][0] for source, counts in votes.items()}
        return agreed | {one.source: fitted(one.source, one.texts["caption"]) for one in self.alone}

    def lines(self) -> str:
        """Return the list as JSON lines."""
        return "".join(json.dumps(vars(one), ensure_ascii=False) + "\n" for one in self.reaches)


def plan_putting_back(judged: Sequence[Judged], settings: Mapping[str, Any]) -> Plan:
    """Say what is put back and where, and change nothing.

    Args:
        judged: The judgments that count.
        settings: Of the campaign.

    Raises:
        InputError: The data aren't there any more, or don't belong together.
    """
    language, sources = settings["source_language"], settings["sources"]
    left_out: list[LeftOut] = []
    # One that can't stand has no vote either: another expert's may.
    sound = [
        one
        for one in judged
        if not (text := written_in(one)) or _stands(one.hidden["row"], one.shown["source"], text, language, left_out)
    ]
    corrections = corrections_of(sound)
    natives = natives_of(judged)
    if not sources.get("data"):
        return Plan(corrections, natives, left_out=left_out)
    data, translated = data_files(sources)
    paired = read_pairs(data, translated, pair_options(settings), rejected_rows(translated))
    alone = [one for one in _alone(natives, paired) if _keeps_parts(one, left_out)]
    plan = Plan(corrections, natives, alone, left_out)
    _spread(plan, paired)
    return plan


def data_files(sources: Mapping[str, Any]) -> tuple[Path, Path]:
    """Return the data of a campaign and their translation."""
    return Path(sources["data"]), Path(sources["translated"])


def pair_options(settings: Mapping[str, Any]) -> PairOptions:
    """Return how a campaign's data are read."""
    sources = settings["sources"]
    return PairOptions(
        source_language=settings["source_language"],
        target_language=settings["target_language"],
        format=sources.get("format", ""),
        fields=tuple(sources.get("fields", ())),
        image_fields=tuple(sources.get("image_fields", ())),
        images=Path(sources["images"]) if sources.get("images") else None,
        images_anywhere=bool(sources.get("images_anywhere")),
    )


def _stands(row: str, source: str, text: str, language: str, left_out: list[LeftOut]) -> bool:
    """Say whether a text can stand for the translation of its source; note down why not."""
    violation = broken(source, text, language)
    if violation is not None:
        left_out.append(LeftOut(row, source, text, violation.code, violation.detail))
    return violation is None


def _keeps_parts(one: Native, left_out: list[LeftOut]) -> bool:
    """Say whether a caption has what the row needs; it is nobody's translation, and may say other things."""
    caption = one.texts["caption"]
    if has_parts_of(one.source, caption):
        return True
    left_out.append(LeftOut(one.row, one.source, caption, "lost-placeholder", "other fixed parts than the source's"))
    return False


def _alone(natives: Sequence[Native], paired: Paired) -> list[Native]:
    """Return captions that may stand for a translation: those of a source text that only one picture has.

    A caption says what is in its own picture. In place of the translation of a text that other pictures have too,
    or of a question, it would be wrong there; those are in ``native.jsonl`` only.
    """
    latest = {(one.row, one.place): one for one in natives if "caption" in one.texts and one.source}
    often = Counter(pair.source for pair in paired.pairs)
    return [one for one in latest.values() if often[one.source] == 1 and one.field in _PICTURE_TEXTS]


def _spread(plan: Plan, paired: Paired) -> None:
    """Find all places that a text goes to: the one that was looked at, and wherever the same text stands."""
    own = {(one.row, one.place, one.source): one.text for one in plan.corrections}
    alike = {(one.source, one.machine): one.text for one in plan.corrections}
    native = {one.source for one in plan.alone}
    agreed = plan.by_source
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for number, name, place, pair in _places(paired):
        if pair.source not in agreed:
            continue
        origin, text = "native", agreed[pair.source]
        if pair.source not in native:
            origin = "human-translation"
            text = own.get((name, place, pair.source), alike.get((pair.source, pair.target), text))
        plan.texts[number, place] = text
        rows.setdefault((pair.source, pair.target, text, origin), []).append(name)
    plan.reaches.extend(Reach(*key, tuple(names)) for key, names in rows.items())


def _places(paired: Paired) -> Iterator[tuple[int, str, str, Pair]]:
    for row in paired.rows:
        for place, pair in zip(row.places, row.pairs, strict=True):
            yield row.row.number, row.row.id, place, pair
