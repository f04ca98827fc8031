"""The example cards: one picture, what each arm picked, said and answered, and whether that was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passerelle.pictures.thumbnails import Thumbnail, make_thumbnail
from passerelle.report.contents import ENGLISH, ZERO_SHOT, Contents
from passerelle.report.parse import as_list, as_mapping, as_text, as_texts, mappings

TESTS = ("human", "machine", ENGLISH)


@dataclass(frozen=True)
class Pick:
    """What one arm did with the choice question and with the caption."""

    title: str
    arm: str
    picked: str
    is_right: bool | None
    caption: str
    language: str


@dataclass(frozen=True)
class Said:
    """What one arm said to a yes/no question."""

    title: str
    arm: str
    text: str
    is_right: bool | None
    language: str


@dataclass(frozen=True)
class YesNo:
    """A yes/no question with its right answer and what the arms said."""

    question: str
    correct: str
    said: tuple[Said, ...]
    language: str


@dataclass(frozen=True)
class Example:
    """One card.

    Attributes:
        picture: Id of the picture.
        source: Where the picture is from.
        thumbnail: The picture, made small; ``None`` where it is missing.
        captions: What people and the machine call it: pairs of a heading, a text and its language.
        options: The options shown to the arms.
        correct: Index of the right option.
        picks: What each arm did.
        yes_no: Yes/no questions about it.
        outcome: ``disagree`` where the adapted arms picked differently, else ``all-right`` or
            ``all-wrong``; empty where nothing was picked.
        mended: Arms that are right where the reference isn't: the model as it is, or else the first arm.
        lost: Arms that are wrong where the reference is right.
        wrong_language: Arms that wrote in another language than they were asked in.
    """

    picture: str
    source: str
    thumbnail: Thumbnail | None
    captions: tuple[tuple[str, str, str], ...]
    options: tuple[str, ...]
    options_language: str
    correct: int | None
    picks: tuple[Pick, ...]
    yes_no: tuple[YesNo, ...]
    outcome: str
    mended: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    wrong_language: tuple[str, ...] = ()

    @property
    def tags(self) -> list[str]:
        """Whatever the page's filters ask for."""
        named = [f"mended:{arm}" for arm in self.mended] + [f"lost:{arm}" for arm in self.lost]
        return [*filter(None, (self.outcome, "language" if self.wrong_language else "")), *named]


def read_examples(contents: Contents, run_folder: Path) -> list[Example]:
    """Read the examples of the results, with their pictures made small."""
    thumbnails: dict[str, Thumbnail | None] = {}
    examples = []
    for item in mappings(contents.raw.get("examples")):
        image = as_text(item.get("image"))
        if image not in thumbnails:
            thumbnails[image] = make_thumbnail(run_folder, image)
        examples.append(_read_example(contents, item, thumbnails[image]))
    return examples


def _read_example(contents: Contents, item: Mapping[str, Any], thumbnail: Thumbnail | None) -> Example:
    choice = as_mapping(item.get("choice"))
    options = {test: _texts(as_mapping(choice.get("options")).get(test)) for test in TESTS}
    shown = next((test for test in TESTS if options[test]), "human")
    correct, picked = _index(choice.get("correct")), as_mapping(choice.get("picked"))
    captions = as_texts(item.get("captions"))
    names = [arm.name for arm in contents.arms if arm.name in picked or arm.name in captions]
    names += [name for name in dict.fromkeys([*picked, *captions]) if name not in names]
    picks = []
    for name in names:
        test = ENGLISH if name == ENGLISH and options[ENGLISH] else shown
        index = _index(picked.get(name))
        text = options[test][index] if index is not None and index < len(options[test]) else ""
        is_right = None if index is None or correct is None else index == correct
        # An arm may have answered beyond the stored options: the number still says what it picked.
        text = text or ("" if index is None else f"option {index + 1}")
        picks.append(
            Pick(contents.title(name), name, text, is_right, captions.get(name, ""), _language(contents, name))
        )
    questions = tuple(_read_yes_no(contents, question) for question in mappings(item.get("yes_no")))
    judged = [{pick.arm: pick.is_right for pick in picks}]
    judged += [{said.arm: said.is_right for said in question.said} for question in questions]
    mended, lost = _turned(contents, judged)
    return Example(
        picture=as_text(item.get("picture"), "unnamed picture"),
        source=as_text(item.get("source"), "unknown"),
        thumbnail=thumbnail,
        captions=_known_captions(contents, as_texts(item.get("caption"))),
        options=options[shown],
        options_language=_language(contents, ENGLISH if shown == ENGLISH else ""),
        correct=correct,
        picks=tuple(picks),
        yes_no=questions,
        outcome=_outcome(picked, correct),
        mended=mended,
        lost=lost,
        wrong_language=tuple(as_text(arm) for arm in as_list(item.get("wrong_language")) if as_text(arm) != ENGLISH),
    )


def _turned(contents: Contents, judged: Sequence[Mapping[str, bool | None]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which arms are right where the reference is wrong, and wrong where it is right, in any question."""
    arms = [arm.name for arm in contents.adapted_arms()]
    reference = ZERO_SHOT if ZERO_SHOT in arms else next(iter(arms), "")
    mended = [a for a in arms if any(each.get(reference) is False and each.get(a) is True for each in judged)]
    lost = [a for a in arms if any(each.get(reference) is True and each.get(a) is False for each in judged)]
    return tuple(mended), tuple(lost)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(as_text(item) for item in as_list(value))


def _index(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _language(contents: Contents, arm: str) -> str:
    return "en" if arm == ENGLISH else contents.target


def _known_captions(contents: Contents, caption: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    headings = {"human": contents.target_name, "machine": "Machine translation", ENGLISH: "English"}
    return tuple(
        (heading, caption[test], _language(contents, test)) for test, heading in headings.items() if caption.get(test)
    )


def _outcome(picked: Mapping[str, Any], correct: int | None) -> str:
    picks = [index for name, index in picked.items() if name != ENGLISH and index is not None]
    if not picks:
        return ""
    if any(index != picks[0] for index in picks):
        return "disagree"
    return "all-right" if picks[0] == correct else "all-wrong"


def _read_yes_no(contents: Contents, item: Mapping[str, Any]) -> YesNo:
    questions, right = as_texts(item.get("question")), item.get("correct")
    test = next((test for test in TESTS if questions.get(test)), "human")
    answers = as_texts(right)
    correct = answers.get(test, "") if answers else as_text(right)
    texts = as_texts(item.get("said"))
    order: Sequence[str] = [arm.name for arm in contents.arms if arm.name in texts]
    order = [*order, *(name for name in texts if name not in order)]
    said = tuple(
        Said(
            contents.title(n),
            n,
            texts[n],
            _is_right(contents.target, n, texts[n], correct),
            _language(contents, n),
        )
        for n in order
    )
    return YesNo(questions.get(test, ""), correct, said, _language(contents, test if test == ENGLISH else ""))


def _is_right(target: str, arm: str, said: str, correct: str) -> bool | None:
    """Judge an answer of one word; ``None`` for an English answer where the target's words aren't known."""
    if not correct:
        return None
    word, right = (text.strip().strip(".!,;").casefold() for text in (said, correct))
    if word == right:
        return True
    if arm != ENGLISH:
        return False
    # Not before: a page without such answers needs no languages.
    from passerelle.evaluation.parsing.localised import is_read, yes_or_no

    code = target.partition("-")[0]
    meant = {"yes": "yes", "no": "no"}.get(word)
    wanted = yes_or_no(right, code) if is_read(code) else None
    return None if meant is None or wanted is None else meant == wanted
