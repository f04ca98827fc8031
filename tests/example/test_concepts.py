"""Concepts of captions, checked by hand: what keeps the sides of the split apart."""

from __future__ import annotations

import pytest

from passerelle.example.concepts import concept, singular, words


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A blackbird.", "blackbird"),
        ("A red apple.", "apple"),
        ("An apple with leaves", "apple"),
        ("Apples!", "apple"),
        ("The seventh planet of the solar system: Uranus.", "planet"),
        ("A cow wearing a hat", "cow"),
        ("smiling face", "smiling face"),
        ("sleepy face", "sleepy face"),
        ("Some strawberries", "strawberry"),
        ("A bunch of roses", "bunch"),
        ("This wolf", "wolf"),
        ("Wolves", "wolf"),
        ("A Canadian five cent coin", "canadian five cent coin"),
        ("Five o’clock", "five o'clock"),
        ("Number 7", "number 7"),
        ("The letter A", "letter"),
        ("The Letter B", "b"),
        ("The", "the"),
        ("…", "…"),
    ],
)
def test_concept(caption: str, expected: str) -> None:
    assert concept(caption) == expected


@pytest.mark.parametrize(
    ("plural", "expected"),
    [
        ("apples", "apple"),
        ("cherries", "cherry"),
        ("leaves", "leaf"),
        ("glasses", "glass"),
        ("brushes", "brush"),
        ("peaches", "peach"),
        ("boxes", "box"),
        ("tomatoes", "tomato"),
        ("shoes", "sho"),  # by rule, wrong and harmless: it only groups
        ("octopus", "octopus"),
        ("iris", "iris"),
        ("grass", "grass"),
        ("bus", "bus"),
        ("gas", "gas"),
        ("apple", "apple"),
    ],
)
def test_singular(plural: str, expected: str) -> None:
    assert singular(plural) == expected
    if plural != "shoes":
        assert singular(expected) == expected


def test_words_leave_out_articles_and_marks() -> None:
    assert words("The cat's red-brown hat, a 2nd one!") == ["cat's", "red-brown", "hat", "2nd", "one"]
