"""The check for unknown words: Apertium's marks, and words that the list lacks."""

from __future__ import annotations

import pytest

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.unknown import UnknownCheck, marked_words


@pytest.fixture(scope="module")
def check() -> UnknownCheck:
    return UnknownCheck("en", "fr")


def test_marks_of_the_engine_are_read(check: UnknownCheck) -> None:
    (finding,) = check.assess([Pair("A paw print.", "Un *paw empreinte.")])
    assert finding.score == pytest.approx(2 / 3)
    assert finding.error == "unknown-word"
    assert "the engine doesn't know 'paw'" in finding.reason
    assert finding.values["marked"] == pytest.approx(1 / 3)


def test_all_three_marks_and_only_marks_count() -> None:
    assert marked_words(Pair("a", "*un @deux #trois 3*4 quatre* http://x/#y")) == ["un", "deux", "trois"]


def test_the_sources_own_mark_is_no_mark() -> None:
    assert marked_words(Pair("The #first @home", "Le #first *maison @home")) == ["maison"]


@pytest.mark.parametrize(
    ("target", "known"),
    [
        ("L'oiseau d'un œuf, qu'il jusqu'ici.", True),
        ("Des chevaux mangeaient aujourd'hui peut-être.", True),
        ("Une carte de Sumatra.", True),
        ("Une mini-jupe.", True),
        ("Un emoji.", True),
        ("La lettre K.", True),
        ("Un cloportx.", False),
    ],
)
def test_the_word_list_knows_forms_and_elisions(check: UnknownCheck, target: str, known: bool) -> None:
    (finding,) = check.assess([Pair("Something else.", target)])
    assert (finding.score == 1) == known, finding


def test_without_a_list_only_marks_count() -> None:
    check = UnknownCheck("en", "ka")
    plain, marked = check.assess([Pair("A cat.", text, target_language="ka") for text in ("კატა", "*კატა")])
    assert not plain.is_known
    assert marked.score == 0


def test_it_is_a_check(check: UnknownCheck) -> None:
    assert isinstance(check, Check)
