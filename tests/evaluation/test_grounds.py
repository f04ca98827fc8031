"""What an answer is founded on, indirect questions, letters of other alphabets: read for what they say, no more."""

from __future__ import annotations

import pytest

from passerelle.evaluation.parsing.localised import option_of, same_answer, yes_or_no
from passerelle.evaluation.parsing.words import words_of_language
from passerelle.languages.knowledge import languages_with


@pytest.mark.parametrize(
    ("language", "question", "reference", "answer", "is_same"),
    [
        ("fr", "Quel temps fait-il ?", "pluvieux", "À en juger par les parapluies, le temps est pluvieux.", True),
        ("fr", "Quel temps fait-il ?", "pluvieux", "D'après la légende, le temps n'est pas pluvieux.", False),
        ("fr", "Quelle saison ?", "hiver", "Vu la neige, l'hiver ou l'automne.", False),
        ("fr", "Qui est-ce ?", "Marie", "Selon Marie, c'est Paul.", False),
        ("fr", "Que boit la femme ?", "café", "On dirait qu'elle boit du café.", True),
        ("fr", "Combien d'habitants ?", "15 000", "D'après la légende, la commune compte 15000 habitants.", True),
        ("fr", "Combien d'habitants ?", "15 000", "La commune compte 15000 maisons.", False),
        ("fr", "Combien d'habitants ?", "15 000", "La commune compte plus de 15000 habitants.", False),
        ("fr", "Combien de chats ?", "3", "La cour abrite 3 chats et 2 chiens.", False),
        ("en", "What season is it?", "winter", "Judging by the coats, I think it is winter.", True),
        ("en", "How many people?", "7", "The caption lists 7 people.", True),
        ("en", "How many people?", "7", "The caption lists fewer than 7 people.", False),
        ("de", "Wie viele Einwohner?", "1500", "Der Ort hat 1500 Einwohner.", True),
        ("de", "Welche Jahreszeit?", "Winter", "Den Mänteln nach zu urteilen, ist es Winter.", True),
        ("tr", "Hangi mevsim?", "kış", "Karlara bakılırsa, kış.", True),
        ("pl", "Ile waży walizka?", "12,5 kg", "12,5 kilograma", True),
        ("ru", "Какого цвета шарф?", "зелёный", "зеленый", True),
    ],
)
def test_an_open_answer_is_founded_on_something(
    language: str, question: str, reference: str, answer: str, is_same: bool
) -> None:
    assert same_answer(answer, reference, language, question) is is_same


@pytest.mark.parametrize("language", sorted(languages_with("reading")))
def test_a_ground_ends_at_its_comma(language: str) -> None:
    words = words_of_language(language)
    assert not words.ground.fullmatch(""), "an empty clause is no ground"
    assert words.open.grounds, "each language that is read knows how an answer is founded"


@pytest.mark.parametrize(
    ("language", "question", "answer"),
    [
        ("de", "Ist diese Person reich?", "Es lässt sich nicht sagen, ob diese Person reich ist."),
        ("de", "Ist diese Person reich?", "Anhand des Fotos lässt sich unmöglich sagen, ob diese Person reich ist."),
        ("pl", "Czy ta osoba jest bogata?", "Nie da się powiedzieć, czy ta osoba jest bogata."),
        ("cs", "Je tento člověk bohatý?", "Z fotky nelze říci, zda je tento člověk bohatý."),
        ("ru", "Этот человек богат?", "Невозможно сказать, богат ли этот человек."),
        ("uk", "Чи багата ця людина?", "Неможливо сказати, чи багата ця людина."),
        ("da", "Er personen rig?", "Det er umuligt at sige, om personen er rig."),
        ("fi", "Onko tämä ihminen rikas?", "On mahdotonta sanoa, onko tämä ihminen rikas."),
    ],
)
def test_an_indirect_question_says_nothing(language: str, question: str, answer: str) -> None:
    assert yes_or_no(answer, language, question) is None


def test_not_only_is_no_no() -> None:
    asked = "Y a-t-il des gens sur la plage ?"
    assert yes_or_no("Non seulement il y a des gens, mais la plage est bondée.", "fr", asked) == "yes"
    assert yes_or_no("Non, il n'y a pas de gens sur la plage.", "fr", asked) == "no"


@pytest.mark.parametrize(
    ("language", "answer", "place"),
    [
        ("ru", "А", 0),
        ("ru", "Б", 1),
        ("ru", "Вариант Б", 1),
        ("ru", "Ответ: С", 2),
        ("ru", "Г)", 3),
        ("ru", "В", None),  # the third of the Russian letters, and the look of the second of the Latin ones
        ("ko", "A와 C 모두 정답입니다.", None),
        ("ja", "AとCの両方が正解です。", None),
    ],
)
def test_letters_of_other_alphabets(language: str, answer: str, place: int | None) -> None:
    assert option_of(answer, ["w", "x", "y", "z"], language) == place
