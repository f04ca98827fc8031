"""Adjectives before their noun."""

from __future__ import annotations

import pytest

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.word_order import WordOrderCheck


@pytest.fixture(scope="module")
def check() -> WordOrderCheck:
    return WordOrderCheck("en", "fr")


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        ("Une bleue voiture.", "bleue voiture"),
        ("Un électrique guitare.", "électrique guitare"),
        ("Une voiture bleue.", ""),
        ("Un vieux bateau chinois.", ""),
        ("La petite maison ouverte.", ""),
        ("Il a mangé pain.", ""),
        ("Une guitare électrique rouge.", ""),
    ],
)
def test_french(check: WordOrderCheck, target: str, wrong: str) -> None:
    (finding,) = check.assess([Pair("Something.", target)])
    assert finding.error == ("word-order" if wrong else None), finding
    assert wrong in finding.reason


def test_spanish() -> None:
    (finding,) = WordOrderCheck("en", "es").assess([Pair("A red car.", "Un azul coche.", target_language="es")])
    assert finding.error == "word-order"


def test_without_adjectives_or_analyser_it_is_unknown(check: WordOrderCheck) -> None:
    (plain,) = check.assess([Pair("A cat.", "Un chat.")])
    (german,) = WordOrderCheck("en", "de").assess([Pair("A red cat.", "Eine rote Katze.", target_language="de")])
    assert not plain.is_known and not german.is_known


def test_it_is_a_check(check: WordOrderCheck) -> None:
    assert isinstance(check, Check)
