"""Benchmark questions about pictures: choice with random and with same-category distractors, yes/no, caption.

The items (which picture, which distractors) are drawn once, whatever the language; `render` puts them into
words. So a question has the same id and the same options in every language and every translation, and arms
can be paired question by question.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from passerelle.languages.prompts import Prompts
from passerelle.records import Picture, Question, QuestionKind, Text

OPTIONS = 4


@dataclass(frozen=True)
class Item:
    """A question without words.

    Attributes:
        id: Unique.
        kind: What is asked.
        picture: The picture asked about.
        options: Pictures whose captions are the options; for yes/no the one picture whose caption is asked.
        correct: Index of the right option.
    """

    id: str
    kind: QuestionKind
    picture: Picture
    options: tuple[Picture, ...] = ()
    correct: int | None = None


def draw_items(pictures: Sequence[Picture], languages: Sequence[str], *, seed: int = 7) -> list[Item]:
    """Draw the items of each picture: two choices, two yes/no, one caption.

    Args:
        pictures: The pictures asked about; distractors are captions of the same pictures.
        languages: Captions of a question's options differ in each of these languages.
        seed: Seeds the draw; each picture's draw depends on its own id only.
    """
    items: list[Item] = []
    ordered = sorted(pictures, key=lambda p: p.id)
    for picture in ordered:
        drawn = random.Random(hashlib.sha256(f"{seed}/{picture.id}".encode()).digest())
        peers = [p for p in ordered if p.source == picture.source and p.concept != picture.concept]
        far = [p for p in peers if _top(p) != _top(picture)]
        near = [p for p in peers if p.category == picture.category]
        if len(_distinct(picture, near, languages)) < OPTIONS - 1:
            near = [p for p in peers if _top(p) == _top(picture)]
        negatives = {}
        kinds: tuple[tuple[QuestionKind, list[Picture]], ...] = (("choice-random", far), ("choice-category", near))
        for kind, pool in kinds:
            drawn.shuffle(pool)
            distractors = _distinct(picture, [*pool, *far], languages)[: OPTIONS - 1]
            if len(distractors) < OPTIONS - 1:
                continue
            negatives[kind] = distractors[0]
            options = [picture, *distractors]
            drawn.shuffle(options)
            items.append(Item(f"{picture.id}#{kind}", kind, picture, tuple(options), options.index(picture)))
        if negatives:
            negative = negatives.get(drawn.choice(list(negatives)), picture)
            items.append(Item(f"{picture.id}#yes", "yes-no", picture, (picture,), 0))
            items.append(Item(f"{picture.id}#no", "yes-no", picture, (negative,), 1))
        items.append(Item(f"{picture.id}#caption", "caption", picture))
    return items


def _top(picture: Picture) -> str:
    return picture.category.split("/")[0]


def _distinct(picture: Picture, pool: Sequence[Picture], languages: Sequence[str]) -> list[Picture]:
    taken = {language: {_key(picture, language)} for language in languages}
    chosen = []
    for candidate in pool:
        keys = {language: _key(candidate, language) for language in languages}
        if all(keys[language] not in taken[language] for language in languages):
            chosen.append(candidate)
            for language, key in keys.items():
                taken[language].add(key)
    return chosen


def _key(picture: Picture, language: str) -> str:
    caption = picture.captions.get(language)
    return caption.text.strip(" .!").lower() if caption else picture.id


def render(items: Sequence[Item], captions: Mapping[str, Text], prompts: Prompts) -> list[Question]:
    """Put items into words.

    Args:
        items: The items.
        captions: Caption by picture id; items with a picture that has none are left out.
        prompts: The prompts of the language.
    """
    questions = []
    for item in items:
        if any(p.id not in captions for p in (item.picture, *item.options)):
            continue
        own = captions[item.picture.id]
        question = Question(
            id=item.id,
            kind=item.kind,
            picture=item.picture.id,
            source=item.picture.source,
            language=prompts.language,
            origin=own.origin,
            prompt=prompts.caption,
            options=tuple(captions[p.id].text for p in item.options),
            correct=item.correct,
            reference=own.text,
        )
        if item.kind == "yes-no":
            asked = prompts.ask_whether(captions[item.options[0].id].text)
            said = (prompts.yes, prompts.no)
            question = replace(question, prompt=asked, options=said, reference=said[item.correct or 0])
        questions.append(question)
    return questions
