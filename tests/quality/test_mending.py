from __future__ import annotations

import pytest

from passerelle.quality.evidence.analysis import open_analysis
from passerelle.quality.repair.candidates import unmarked
from passerelle.quality.repair.mending import Mender
from passerelle.quality.repair.wording import wording

needs_french = pytest.mark.skipif(open_analysis("fr") is None, reason="needs Apertium's French analyser")


@needs_french
def test_what_engines_write_wrong_again_and_again_is_put_right() -> None:
    sources = ["An old man is eating.", "A man wearing a hat.", "A dog in a street."]
    texts = ["L'homme vieux est en train de manger.", "Un homme qui porte un chapeau.", "Un chien qui porte."]
    assert Mender("en", "fr").mend(sources, texts) == [
        "Le vieil homme mange.",
        "Un homme portant un chapeau.",
        "Un chien qui porte.",
    ]
    assert Mender("en", "sv").mend(["An old man."], ["Homme vieux."]) == ["Homme vieux."]


@needs_french
@pytest.mark.parametrize(
    ("source", "text", "right"),
    [
        # How many there are is the English's to say, unless it says both.
        ("A girl in boots is dancing.", "Une fille en bottes sont en train de danser.", "Une fille en bottes danse."),
        ("Dogs and a cat are eating.", "Chiens et un chat est en train de manger.", "Chiens et un chat mangent."),
        (
            "A man is singing and two are dancing.",
            "Un homme est en train de chanter et deux sont en train de danser.",
            "Un homme chante et deux dansent.",
        ),
        ("A man who is fishing.", "Un homme qui est en pêchant.", "Un homme qui pêche."),
        ("A man on leave.", "Un homme est en train de manger.", "Un homme est en train de manger."),
        # An adjective in another form than its noun's belongs to another word.
        ("Young woman drawings.", "Des dessins de femme jeunes.", "Des dessins de femme jeunes."),
        ("Young women.", "Les femmes jeunes.", "Les jeunes femmes."),
        ("A dog on a beach.", "Un chien dans une plage.", "Un chien sur une plage."),
        ("A dog in a box on a beach.", "Un chien dans une boîte.", "Un chien dans une boîte."),
        ("A dog on a city street.", "Un chien dans une rue de ville.", "Un chien dans une rue de ville."),
        ("A man is standing there.", "Un homme est en train d'être là.", "Un homme est debout là."),
        ("Two women sitting on it.", "Deux femmes ont assis dessus.", "Deux femmes assises dessus."),
        ("She holds a cup.", "Elle arrapa une tasse.", "Elle tient une tasse."),
        ("A view of the camera.", "Une vue de la chambre.", "Une vue de l'appareil photo."),
        ("A view of the bedroom.", "Une vue de la chambre.", "Une vue de la chambre."),
        ("He plays a guitar.", "Il touche une guitare.", "Il joue d'une guitare."),
        ("Boys playing soccer.", "Des garçons jouant foot.", "Des garçons jouant au foot."),
    ],
)
def test_a_rule_mends_where_the_source_says_so(source: str, text: str, right: str) -> None:
    assert Mender("en", "fr").mend([source], [text]) == [right]


@pytest.mark.parametrize(
    ("source", "other"),
    [
        ("Woman talks on her phone outside.", "A woman talks on her phone outside."),
        ("Young people practice on the wire.", "Young people practice on the wire."),
        ("Man at work.", "Man at work."),
        ("Old man sitting next to a big dog.", "An old man seated beside a big dog."),
    ],
)
def test_a_source_is_written_in_another_way(source: str, other: str) -> None:
    known = wording("en", "fr")
    assert known is not None and known.rewrite(source) == other


def test_marks_of_unknown_words_and_numbers_are_taken_off() -> None:
    assert unmarked("Le *blip en *2D, 2*3 et 0.*99c") == "Le blip en 2D, 2*3 et 0.99c"
