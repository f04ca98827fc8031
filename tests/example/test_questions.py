"""Benchmark questions: the same in every language, with one right option."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from passerelle.example import splits
from passerelle.example.questions import draw_items, render
from passerelle.languages.prompts import english, find_prompts
from passerelle.records import Picture, Question, Text

FRENCH = find_prompts("fr")
assert FRENCH is not None


@pytest.fixture(scope="module")
def pictures(stamps: list[Picture], emojis: list[Picture]) -> dict[str, Picture]:
    side = splits.stored()
    return {p.id: p for p in stamps + emojis if side.get(p.id) == "test" and "fr" in p.captions}


@pytest.fixture(scope="module")
def versions(pictures: dict[str, Picture]) -> dict[str, list[Question]]:
    items = draw_items(list(pictures.values()), ["en", "fr"])
    captions = {language: {p.id: p.captions[language] for p in pictures.values()} for language in ("en", "fr")}
    return {"english": render(items, captions["en"], english()), "human": render(items, captions["fr"], FRENCH)}


def test_all_versions_ask_the_same(versions: dict[str, list[Question]]) -> None:
    shapes = [[(q.id, q.kind, q.picture, q.source, len(q.options), q.correct) for q in qs] for qs in versions.values()]
    assert shapes[0] == shapes[1]
    assert len({shape[0] for shape in shapes[0]}) == len(shapes[0])


def test_every_picture_is_asked_every_kind(versions: dict[str, list[Question]], pictures: dict[str, Picture]) -> None:
    counted = Counter(q.kind for q in versions["human"])
    assert counted["caption"] == len(pictures)
    assert counted["choice-random"] == len(pictures)
    assert counted["choice-category"] >= 0.99 * len(pictures)
    assert counted["yes-no"] == 2 * len(pictures)


@pytest.mark.parametrize("version", ["english", "human"])
def test_the_correct_option_is_the_reference(versions: dict[str, list[Question]], version: str) -> None:
    asked = [q for q in versions[version] if q.options]
    assert all(q.correct is not None and q.options[q.correct] == q.reference for q in asked)
    choices = [q for q in asked if q.kind != "yes-no"]
    assert all(len(q.options) == 4 for q in choices)
    plain = [[o.strip(" .!").lower() for o in q.options] for q in choices]
    assert all(len(set(options)) == 4 for options in plain), "options are distinct"


def test_distractors_show_something_else(pictures: dict[str, Picture]) -> None:
    shared = 0
    for item in draw_items(list(pictures.values()), ["en", "fr"]):
        for index, option in enumerate(item.options):
            if index != item.correct and item.kind != "yes-no":
                assert option.concept != item.picture.concept
                assert option.source == item.picture.source
                if item.kind == "choice-random":
                    assert option.category.split("/")[0] != item.picture.category.split("/")[0]
                shared += item.kind == "choice-category" and option.category == item.picture.category
        if item.kind == "yes-no" and item.correct == 1:
            assert item.options[0].concept != item.picture.concept
    assert shared > 0.5 * 3 * len(pictures), "most same-category distractors are of the very category"


def test_the_right_option_can_be_anywhere(versions: dict[str, list[Question]]) -> None:
    counted = Counter(q.correct for q in versions["human"] if q.kind == "choice-random")
    total = sum(counted.values())
    assert set(counted) == {0, 1, 2, 3}
    assert all(0.18 * total < count < 0.32 * total for count in counted.values())


def test_yes_and_no_are_balanced(versions: dict[str, list[Question]]) -> None:
    for name, said in (("human", ("Oui", "Non")), ("english", ("Yes", "No"))):
        by_picture: dict[str, list[str]] = defaultdict(list)
        for question in versions[name]:
            if question.kind == "yes-no":
                assert question.options == said
                by_picture[question.picture].append(question.reference)
        assert all(sorted(found) == sorted(said) for found in by_picture.values())


def test_words_of_a_question(versions: dict[str, list[Question]], pictures: dict[str, Picture]) -> None:
    asked = {name: {q.id: q for q in questions} for name, questions in versions.items()}
    some = next(identifier for identifier, p in pictures.items() if p.captions["fr"].text.startswith("Un "))
    caption = pictures[some].captions["fr"].text
    yes = asked["human"][f"{some}#yes"]
    assert yes.prompt == f"Est-ce u{caption.rstrip('.')[1:]} ?"
    assert (yes.language, yes.reference) == ("fr", "Oui")
    assert asked["human"][f"{some}#caption"].prompt == "Qu'est-ce que c'est ?"
    assert asked["human"][f"{some}#caption"].origin in ("human-translation", "native")


def test_the_draw_is_repeatable(pictures: dict[str, Picture]) -> None:
    some = list(pictures.values())[:200]
    drawn = draw_items(some, ["en", "fr"])
    assert draw_items(some[::-1], ["en", "fr"]) == drawn
    assert draw_items(some, ["en", "fr"], seed=8) != drawn


def test_a_caption_that_is_missing_is_not_asked(pictures: dict[str, Picture]) -> None:
    some = list(pictures.values())[:200]
    captions = {p.id: p.captions["fr"] for p in some[1:]}
    items = draw_items(some, ["en"])
    asked = {q.id for q in render(items, captions, FRENCH)}
    uses = {item.id for item in items if some[0] in (item.picture, *item.options)}
    assert len(uses) >= 5
    assert asked == {item.id for item in items} - uses


def test_alike_captions_are_no_options() -> None:
    from pathlib import Path

    def picture(name: str, english: str, french: str) -> Picture:
        captions = {"en": Text(english, "en", "native"), "fr": Text(french, "fr", "human-translation")}
        return Picture(name, "stamps", f"{name}/x", name, Path(name), captions)

    pictures = [
        picture("a", "a mail box", "Une boîte."),
        picture("b", "a tin", "une boîte"),
        picture("c", "a cat", "un chat"),
        picture("d", "a dog", "un chien"),
        picture("e", "a cow", "une vache"),
    ]
    for item in draw_items(pictures, ["en", "fr"]):
        if item.kind == "choice-random":
            assert not {"a", "b"} <= {option.id for option in item.options}
