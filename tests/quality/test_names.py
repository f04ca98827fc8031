"""Names: which words are, and whether the translation has them."""

from __future__ import annotations

import pytest

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.checks.names import NamesCheck, find_names
from passerelle.quality.evidence.exonyms import bare, find_exonyms


@pytest.fixture(scope="module")
def check() -> NamesCheck:
    return NamesCheck("en", "fr")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A map of London.", ["London"]),
        ("London. Paris is far.", []),
        ("The letter C.", ["C"]),
        ("A B52 and the NASA logo in 3D.", ["B52", "NASA"]),
        ("The Big Red House", []),
        ("What am I?", []),
        ("It is Anna's cat.", ["Anna"]),
    ],
)
def test_what_is_a_name(text: str, names: list[str]) -> None:
    assert find_names(text) == names


@pytest.mark.parametrize(
    ("source", "target", "score"),
    [
        ("A map of London.", "Un plan de Londres.", 1.0),
        ("A map of Germany.", "Une carte d'Allemagne.", 1.0),
        ("A Mexican hat.", "Un chapeau mexicain.", 1.0),
        ("A hat for Monday.", "Un chapeau pour lundi.", 1.0),
        ("A Christmas tree in the UK.", "Un sapin de Noël au Royaume-Uni.", 1.0),
        ("A European coin.", "Une pièce européenne.", 1.0),
        ("The letter C.", "La lettre Cème.", 0.0),
        ("A map of London and Paris.", "Un plan de Londres.", 0.5),
        ("It is the tank of Kowalski.", "C'est le char.", 0.0),
    ],
)
def test_pairs(check: NamesCheck, source: str, target: str, score: float) -> None:
    (finding,) = check.assess([Pair(source, target)])
    assert finding.score == score, finding
    assert bool(finding.reason) == (score < 1)


def test_another_name_in_its_place_is_a_wrong_sense(check: NamesCheck) -> None:
    instead, gone = check.assess(
        [Pair("The dog of Kowalski.", "Le chien de Dupont."), Pair("The dog of Kowalski.", "Le chien.")]
    )
    assert (instead.error, gone.error) == ("wrong-sense", "dropped")
    assert "Dupont" in instead.reason and "Kowalski" in gone.reason


def test_common_words_and_texts_without_names_are_no_evidence(check: NamesCheck) -> None:
    printer, none = check.assess([Pair("A Laser Printer here.", "Une imprimante."), Pair("A cat.", "Un chat.")])
    assert not printer.is_known and not none.is_known


def test_exonyms_come_from_cldr() -> None:
    table = find_exonyms(Direction("en", "fr"))
    assert "londres" in table["london"] and "allemagne" in table["germany"] and "angleterre" in table["england"]
    assert "lundi" in table["monday"]


def test_bare_by_hand() -> None:
    assert bare("Œuvre À") == "oeuvre a"


def test_it_is_a_check(check: NamesCheck) -> None:
    assert isinstance(check, Check)
    assert check.signature != NamesCheck("en", "es").signature
