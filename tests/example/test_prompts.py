"""What is asked, in each language."""

from __future__ import annotations

import pytest

from passerelle.languages.prompts import english, find_prompts, languages_with_prompts


@pytest.mark.parametrize(
    ("language", "caption", "inside"),
    [
        ("en", "A blackbird.", "a blackbird"),
        ("en", "The Eiffel Tower!", "the Eiffel Tower"),
        ("en", "Uranus.", "Uranus"),
        ("en", "Anchor", "Anchor"),
        ("en", "an owl", "an owl"),
        ("fr", "L'oiseau.", "l'oiseau"),
        ("fr", "L’oiseau.", "l’oiseau"),
        ("fr", "Un merle.", "un merle"),
        ("fr", "Un merle d'Amérique", "un merle d'Amérique"),
        ("fr", "Uranus", "Uranus"),
        ("fr", "Les Alpes", "les Alpes"),
        ("fr", " Des pommes. ", "des pommes"),
        ("it", "Un'oca.", "un'oca"),
        ("it", "L'oca.", "l'oca"),
        ("fr", "", ""),
    ],
)
def test_a_caption_inside_a_sentence(language: str, caption: str, inside: str) -> None:
    prompts = find_prompts(language)
    assert prompts is not None
    assert prompts.inline(caption) == inside


def test_questions() -> None:
    french = find_prompts("fr")
    assert french is not None
    assert french.caption == "Qu'est-ce que c'est ?"
    assert french.ask_whether("L'oiseau.") == "Est-ce l'oiseau ?"
    assert (
        french.ask_which(["Un merle.", "Une pie.", "L'oie.", "Uranus."])
        == "Est-ce un merle, une pie, l'oie ou Uranus ?"
    )
    assert english().ask_whether("A blackbird.") == "Is this a blackbird?"


@pytest.mark.parametrize("language", languages_with_prompts())
def test_every_language_is_whole(language: str) -> None:
    prompts = find_prompts(language)
    assert prompts is not None
    assert prompts.yes != prompts.no
    assert "ours {x}" in prompts.ask_whether("ours {x}")
    which = prompts.ask_which(["aa", "bb", "cc", "dd"])
    assert all(which.count(option) == 1 for option in ("aa", "bb", "cc", "dd"))
    assert all(article == article.lower() for article in prompts.articles)


def test_a_language_without_prompts() -> None:
    assert find_prompts("tlh") is None
