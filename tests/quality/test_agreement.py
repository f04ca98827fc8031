"""Agreement in gender and number."""

from __future__ import annotations

import pytest

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.agreement import AgreementCheck


@pytest.fixture(scope="module")
def check() -> AgreementCheck:
    return AgreementCheck("en", "fr")


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        ("Une chien rouge.", "Une chien"),
        ("Un prune.", "Un prune"),
        ("Le maison.", "Le maison"),
        ("Les chat.", "Les chat"),
        ("Un chat blanche.", "chat blanche"),
        ("Des voitures bleus.", "voitures bleus"),
        ("Un chien rouge.", ""),
        ("Une boîte de chocolat ronde.", ""),
        ("Un chat et un chien noirs.", ""),
        ("L'oiseau du jardin.", ""),
        ("Il le montre.", ""),
        ("Les œufs cassés.", ""),
    ],
)
def test_french(check: AgreementCheck, target: str, wrong: str) -> None:
    (finding,) = check.assess([Pair("Something.", target)])
    assert finding.error == ("grammar" if wrong else None), finding
    assert wrong in finding.reason
    assert not wrong or finding.score <= 0.5


def test_spanish() -> None:
    check = AgreementCheck("en", "es")
    wrong, stressed = check.assess(
        [Pair("A dog.", "Una perro.", target_language="es"), Pair("The water.", "El agua fría.", target_language="es")]
    )
    assert wrong.error == "grammar"
    assert stressed.error is None


def test_where_nothing_must_agree_it_is_unknown(check: AgreementCheck) -> None:
    (finding,) = check.assess([Pair("Yes.", "Oui.")])
    assert not finding.is_known


def test_languages_without_such_agreement_are_unknown() -> None:
    (finding,) = AgreementCheck("en", "ja").assess([Pair("A dog.", "犬", target_language="ja")])
    assert not finding.is_known


def test_it_is_a_check(check: AgreementCheck) -> None:
    assert isinstance(check, Check)
