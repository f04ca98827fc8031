"""What can be reviewed: answers of arms, translations, pictures to write about; and the checks that somebody reads."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.formats.base import BadRow
from passerelle.formats.values.rows import read_values
from passerelle.quality.assessing import Assess
from passerelle.quality.base import Pair, PairedRow
from passerelle.quality.pairs import Paired
from passerelle.review.store.parts import pieces
from passerelle.translation.protection.protect import is_letter_reply

_QUOTED = re.compile(r"(?<!\w)'([^']+)'(?!\w)")
MOST_CHARACTERS = 20_000
"""A longer text is no item for a page."""


@dataclass(frozen=True)
class NewItem:
    """An item before it is stored; attributes as in `schema.Item`, but for the picture, which is a file here."""

    task: str
    name: str
    shown: Mapping[str, Any]
    hidden: Mapping[str, Any] = field(default_factory=dict)
    stratum: str = ""
    cluster: str = ""
    picture: Path | None = None
    value: float = 0.0
    is_attention: bool = False


@dataclass(frozen=True)
class Answered:
    """A question with what arms answered.

    Attributes:
        id: The question's id.
        question: Its text.
        answers: By arm.
        picture: The picture file.
        stratum: What to draw by, such as the kind of question.
        cluster: The picture's name.
        reference: A right answer; empty: not known.
        automatic: An automatic score of each arm's answer, 0..100.
        asked: The question's ``benchmark``, ``language`` and ``id``, by which labels count in scores.
    """

    id: str
    question: str
    answers: Mapping[str, str]
    picture: Path | None = None
    stratum: str = ""
    cluster: str = ""
    reference: str = ""
    automatic: Mapping[str, float] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)


def read_answers(path: Path) -> list[Answered]:
    """Read answers from JSON lines: ``id``, ``question``, ``answers`` by arm; ``picture``, ``stratum``,
    ``reference`` and ``automatic`` (scores by arm) where there are any.

    Raises:
        InputError: The file can't be read, or a line isn't such a row; the message names it.
    """  # noqa: D205 - what a row holds is the sentence
    found = [_answered(row, f"{path.name}, line {number}", path.parent) for number, row in read_values(path)]
    doubled = [name for name, count in Counter(row.id for row in found).items() if count > 1]
    if doubled:
        raise InputError(f"{path.name}: the id {doubled[0]!r} is there twice: every question needs its own.")
    return found


def _answered(row: Any, place: str, folder: Path) -> Answered:
    if isinstance(row, BadRow):
        raise InputError(f"{place}: {row.detail.partition(': ')[2] or row.detail}.")
    try:
        answers = {str(arm): str(text) for arm, text in row["answers"].items()}
        automatic = {str(arm): float(value) for arm, value in row.get("automatic", {}).items()}
        name, question, picture = str(row["id"]), str(row["question"]), row.get("picture")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{place}: a row needs 'id', 'question' and 'answers' by arm ({error!r}).") from None
    where = None if picture is None else _inside(folder, str(picture), place)
    cluster = str(row.get("cluster") or picture or name)
    return Answered(
        name, question, answers, where, str(row.get("stratum", "")), cluster, str(row.get("reference", "")), automatic
    )


def _inside(folder: Path, relative: str, place: str) -> Path:
    path = (folder / relative).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"{place}: the picture {relative!r} lies outside of {str(folder)!r}.")
    return path


def judge_items(answered: Sequence[Answered], arms: Sequence[str], seed: int) -> tuple[list[NewItem], int]:
    """Make items in which two arms' answers stand side by side, or one arm's alone.

    With more than two arms each question shows one pair, all pairs equally often. Answers that are the same
    letter by letter aren't shown: nobody can prefer one.

    Returns:
        The items, and the number of those left out because both answers are the same.

    Raises:
        ConfigError: An arm that nobody knows.
    """
    known = {arm for row in answered for arm in row.answers}
    for arm in arms:
        if arm not in known:
            raise ConfigError(unknown("arm", arm, known))
    pairs: list[tuple[str, ...]] = list(combinations(arms, 2)) if len(arms) > 1 else [tuple(arms)]
    order = random.Random(f"pairs/{seed}")
    items, same = [], 0
    for number, row in enumerate(answered):
        if number % len(pairs) == 0:
            order.shuffle(pairs)
        shown = pairs[number % len(pairs)]
        if any(arm not in row.answers for arm in shown):
            continue
        texts = [row.answers[arm] for arm in shown]
        if len(set(texts)) < len(texts):
            same += 1
            continue
        scores = [row.automatic.get(arm) for arm in shown]
        hidden = {"arms": list(shown), "automatic": scores, "question": row.id}
        seen = {"question": row.question, "answers": texts}
        items.append(NewItem("judge", row.id, seen, hidden, row.stratum, row.cluster, row.picture, _closeness(scores)))
    return items, same


def distinct(items: Sequence[NewItem]) -> list[NewItem]:
    """Leave out items about answers that show what one before them shows, whichever arms said it."""
    looks: dict[tuple[str, tuple[str, ...], Path | None], NewItem] = {}
    for item in items:
        answers = item.shown["answers"] if "answers" in item.shown else [item.shown["answer"]]
        looks.setdefault((item.shown["question"], tuple(sorted(answers)), item.picture), item)
    return list(looks.values())


def _closeness(scores: Sequence[float | None]) -> float:
    """Return what judging is worth: most where automatic scores can't tell the two apart, 0..1."""
    known = [score for score in scores if score is not None]
    return 1 - abs(known[0] - known[-1]) / 100 if len(known) == 2 else 1.0


def label_items(answered: Sequence[Answered], arms: Sequence[str], seed: int) -> list[NewItem]:
    """Make items in which one answer is right or wrong; each question shows one of its arms, all equally often."""
    order = list(arms)
    draw = random.Random(f"label/{seed}")
    items = []
    for number, row in enumerate(answered):
        if number % len(order) == 0:
            draw.shuffle(order)
        turn = order[number % len(order) :] + order[: number % len(order)]
        arm = next((arm for arm in turn if arm in row.answers), None)
        if arm is not None:
            hidden: dict[str, Any] = {"arm": arm, "automatic": row.automatic.get(arm), "question": row.id}
            hidden |= {"asked": dict(row.asked)} if row.asked else {}
            shown = {"question": row.question, "answer": row.answers[arm]}
            items.append(NewItem("label", row.id, shown, hidden, row.stratum, row.cluster, row.picture, 1.0))
    return items


def translation_items(paired: Paired, assess: Assess | None = None) -> list[NewItem]:
    """Make an item of each source with its translation, once however many rows hold both.

    Texts that are too long are left out, and those in which there is nothing to translate. With each goes the
    question of its first row that it answers, where it has one.

    Args:
        paired: The two files.
        assess: Estimates each pair, so that what is doubtful and stands in many rows is worth most.
    """
    places = [(row, place) for row in paired.rows for place in range(len(row.pairs))]
    held: dict[tuple[str, str], list[int]] = {}
    for number, (row, place) in enumerate(places):
        pair = row.pairs[place]
        if not _why_not(pair):
            held.setdefault((pair.source, pair.target), []).append(number)
    often = Counter(pair.source for pair in paired.pairs)
    firsts = [places[numbers[0]] for numbers in held.values()]
    pairs = [row.pairs[place] for row, place in firsts]
    estimates = [found.probability for found in assess.estimate(pairs)] if assess else [None] * len(pairs)
    items = []
    for (row, place), pair, probability in zip(firsts, pairs, estimates, strict=True):
        value = 0.0 if probability is None else 4 * probability * (1 - probability) * often[pair.source]
        where = row.places[place]
        hidden = {"row": row.row.id, "place": where, "field": pair.field, "probability": probability,
                  "pairs": len(held[pair.source, pair.target])}  # fmt: skip
        items.append(
            NewItem(
                "translation", f"{row.row.id}#{where}", _shown(row, place, often[pair.source]), hidden,
                f"{pair.field}/{pair.category}", pair.cluster, pair.picture, value,
            )
        )  # fmt: skip
    return items


def left_out(paired: Paired) -> dict[str, int]:
    """Count the texts of which `translation_items` makes no item, by reason.

    They are ``too-long``, ``untranslated`` (nothing stands there), ``nothing-to-translate`` (numbers, fixed parts, an
    option's letter), or ``said-again``: the same text with the same translation is an item already.
    """
    reasons = Counter(_why_not(pair) for pair in paired.pairs)
    again = reasons.pop("", 0) - len({(pair.source, pair.target) for pair in paired.pairs if not _why_not(pair)})
    return {reason: count for reason, count in {**reasons, "said-again": again}.items() if count}


def _why_not(pair: Pair) -> str:
    """Say why a pair is no item; empty if it is one."""
    if max(len(pair.source), len(pair.target)) > MOST_CHARACTERS:
        return "too-long"
    if not pair.target.strip():
        return "untranslated"
    written = "".join(piece.text for piece in pieces(pair.source) if piece.kind == "text")
    is_words = any(letter.isalpha() for letter in written) and not is_letter_reply(pair.source)
    return "" if is_words else "nothing-to-translate"


def _shown(row: PairedRow, place: int, rows: int) -> dict[str, Any]:
    """Return what an expert sees of a translation: beside it, the question before it in its row, and how many rows."""
    pair = row.pairs[place]
    shown: dict[str, Any] = {"source": pair.source, "translation": pair.target}
    asked = [other for other in row.pairs[:place] if other.field == "question"]
    if asked and pair.field != "question":
        shown["about"] = {"source": asked[-1].source, "translation": asked[-1].target}
    return {**shown, "rows": rows} if rows > 1 else shown


def prefilled(items: Sequence[NewItem], paired: Paired, assess: Assess) -> list[NewItem]:
    """Mark in translations the words that a check's reason quotes, with the class of error that it names."""
    known = {
        f"{row.row.id}#{place}": pair for row in paired.rows for place, pair in zip(row.places, row.pairs, strict=True)
    }
    pairs = [known[item.name] for item in items]
    marked = []
    for item, found in zip(items, assess.estimate(pairs), strict=True):
        spans: dict[tuple[int, int], dict[str, Any]] = {}
        for finding in found.findings.values():
            for word in _QUOTED.findall(finding.reason) if finding.error else ():
                for place in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", item.shown["translation"], re.IGNORECASE):
                    span = {"start": place.start(), "end": place.end(), "severity": "minor", "category": finding.error}
                    spans.setdefault(place.span(), span)
        marked.append(replace(item, shown={**item.shown, "spans": [spans[key] for key in sorted(spans)]}))
    return marked


def write_items(paired: Paired) -> list[NewItem]:
    """Make an item of each picture, to write about: in the place of its caption, where it has one."""
    items: dict[Path, NewItem] = {}
    for row in paired.rows:
        for place, pair in sorted(zip(row.places, row.pairs, strict=True), key=lambda one: one[1].field != "caption"):
            if pair.picture is not None and pair.picture not in items:
                hidden = {"row": row.row.id, "place": place, "field": pair.field, "source": pair.source}
                items[pair.picture] = NewItem(
                    "write", f"{row.row.id}#{place}", {}, hidden, pair.category, pair.cluster, pair.picture
                )
    return list(items.values())


def attention_checks(items: Sequence[NewItem], answered: Sequence[Answered], count: int, seed: int) -> list[NewItem]:
    """Make items of which it is known what a reader says, from items of one task.

    A translation is swapped for another item's: its score must stay below 50. Of two answers one is the
    reference, and the other the reference of another picture. There are none where there is no reference.

    Args:
        items: Items of one task.
        answered: The questions that they come from.
        count: How many checks to make, at most.
        seed: Of the draw.
    """
    task = items[0].task if items else ""
    draw = random.Random(f"attention/{task}/{seed}")
    makers = {"translation": _swapped_translations, "judge": _known_better, "label": _known_labels}
    if task not in makers or count < 1:
        return []
    return makers[task](items, answered, draw)[:count]


def _swapped_translations(items: Sequence[NewItem], answered: object, draw: random.Random) -> list[NewItem]:
    chosen = draw.sample(list(items), len(items))
    swapped = []
    for item, other in zip(chosen, chosen[1:] + chosen[:1], strict=True):
        near = set(item.shown["translation"].lower().split()) & set(other.shown["translation"].lower().split())
        if len(near) * 3 > len(other.shown["translation"].split()) or item.cluster == other.cluster:
            continue
        shown = {**item.shown, "translation": other.shown["translation"]}
        swapped.append(_check(item, shown, {"expected": {"score_below": 50}}))
    return swapped


def _references(answered: Sequence[Answered], draw: random.Random) -> list[tuple[Answered, str]]:
    """Return questions with a reference, each with that of another picture of the same kind of question."""
    known = [row for row in answered if row.reference.strip()]
    others = draw.sample(known, len(known))
    return [
        (row, other.reference)
        for row, other in zip(known, others, strict=True)
        if row.cluster != other.cluster and row.stratum == other.stratum and row.reference != other.reference
    ]


def _known_better(items: Sequence[NewItem], answered: Sequence[Answered], draw: random.Random) -> list[NewItem]:
    if any(len(item.shown["answers"]) != 2 for item in items):
        return []
    by_name = {item.name: item for item in items}
    return [
        _check(
            by_name[row.id],
            {"question": row.question, "answers": [row.reference, wrong]},
            {"expected": {"verdict": 0}},
        )
        for row, wrong in _references(answered, draw)
        if row.id in by_name
    ]


def _known_labels(items: Sequence[NewItem], answered: Sequence[Answered], draw: random.Random) -> list[NewItem]:
    by_name = {item.name: item for item in items}
    checks = []
    for row, wrong in _references(answered, draw):
        if row.id in by_name:
            label = draw.choice(["right", "wrong"])
            shown = {"question": row.question, "answer": row.reference if label == "right" else wrong}
            checks.append(_check(by_name[row.id], shown, {"expected": {"label": label}}))
    return checks


def _check(item: NewItem, shown: Mapping[str, Any], hidden: Mapping[str, Any]) -> NewItem:
    return replace(item, name=f"check/{item.name}", shown=shown, hidden=hidden, value=0.0, is_attention=True)
