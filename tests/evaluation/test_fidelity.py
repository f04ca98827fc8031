"""Language fidelity: what is counted, what is refused, and short answers that a native reader labelled."""

import math
from collections import Counter
from pathlib import Path

import pytest

from passerelle.errors import InputError
from passerelle.evaluation.metrics.answer_language import Judgement, is_echo, judge_answer
from passerelle.evaluation.metrics.fidelity import fidelity
from passerelle.languages.contrast import contrasts, neighbours, refusal, rivals_of
from passerelle.languages.identify import language_odds, load_lexicon, words_of

PROMPT = "Que montre cette image ?"
TABLE = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "short_answers_fr.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def test_few_labelled_answers_are_judged_wrong_and_most_are_judged():
    told = [(verdict, judge_answer(text, PROMPT, "fr").verdict, text) for text, verdict, _ in TABLE]
    wrong = [row for row in told if row[0] != row[1] and "unknowable" not in row[:2]]
    unsure = [row for row in told if row[1] == "unknowable" != row[0]]
    assert len(TABLE) >= 120
    assert len(wrong) / len(TABLE) <= 0.02, wrong
    assert len(unsure) / len(TABLE) <= 0.07, unsure


def test_no_english_and_no_echo_passes_for_french():
    """The errors that matter most: what a forgetful model says must not raise its fidelity."""
    told = [judge_answer(t, PROMPT, "fr").verdict for t, _, what in TABLE if what in ("English", "echo", "empty")]
    assert Counter(told)["target"] == 0


@pytest.mark.parametrize(
    ("text", "language", "verdict"),
    [
        ("un gato negro", "es", "unknowable"),  # Galician, too
        ("Un paraguas de colores en la calle.", "es", "target"),
        ("un chat noir", "es", "other"),
        ("a black cat", "es", "other"),
        ("ein schwarzer Hund", "de", "target"),
        ("Regenschirm", "de", "target"),
        ("the black dog", "de", "other"),
        ("a black cat", "en", "target"),
        ("umbrella", "en", "target"),
        ("un chat noir", "en", "other"),
        ("una gatta nera", "it", "target"),
        ("um cachorro preto", "pt", "target"),
        ("een rode fiets", "nl", "target"),
        ("dos gossos i una noia", "ca", "target"),
        ("czarny kot na kanapie", "pl", "target"),
        ("a black cat", "pl", "other"),
        ("黒い猫がいます", "ja", "target"),
        ("a black cat", "ja", "other"),
        ("ur c'hazh du war ar gador", "br", "target"),
        ("a black cat on a chair", "br", "other"),
        ("Чорний кіт сидить на стільці.", "uk", "target"),
        ("Чорний кіт сидить на стільці.", "ru", "other"),
        ("Чорний кіт сидить на стільці.", "en", "other"),
        ("หมาสีดำ", "th", "target"),
    ],
)
def test_other_languages_work_with_and_without_a_word_list(text, language, verdict):
    assert judge_answer(text, "", language).verdict == verdict


@pytest.mark.parametrize(
    ("text", "language", "verdict"),
    [
        ("A letra Z.", "pt", "unknowable"),  # Galician, too, but not English
        ("A menina tem um chapéu.", "pt", "target"),  # the article "A", which English has too
        ("A criança brinca na praia.", "pt", "target"),
        ("A gauche de la table.", "fr", "target"),
        ("un four", "fr", "target"),
        ("un anneau en or", "fr", "target"),
        ("le but du gardien", "fr", "target"),
        ("or", "fr", "unknowable"),
        ("but", "fr", "unknowable"),
        ("animal", "fr", "unknowable"),
        ("no", "pt", "unknowable"),
        ("Unha nena cun can branco.", "gl", "target"),
        ("the dog in the garden", "gl", "other"),
        ("En sort hund.", "nb", "unknowable"),  # Danish, too
        ("Pes.", "cs", "unknowable"),  # Slovak, too
        ("Seekor anjing.", "id", "unknowable"),  # Malay, too
        ("Un cartel que dice «Open until midnight» en la puerta", "es", "target"),
        ("L'affiche du film The Empire Strikes Back", "fr", "target"),
        ("Coca-Cola", "fr", "unknowable"),
        ("The Beatles", "fr", "unknowable"),
        ("42 %", "es", "unknowable"),
        ("Un gatto guarda un wombat in giardino.", "it", "target"),  # rare in every language: foreign in none
    ],
)
def test_one_shared_word_a_name_or_a_title_decides_nothing(text, language, verdict):
    assert judge_answer(text, "", language).verdict == verdict


def test_a_close_language_is_named_as_the_reason():
    assert judge_answer("En sort hund.", "", "nb") == Judgement("unknowable", "close language")


def test_the_table_of_neighbours_holds_in_both_directions():
    assert neighbours("es")["gl"] == neighbours("gl")["es"]
    assert {"da", "nn", "sv"} <= set(neighbours("nb"))
    assert "en" in rivals_of("gl")
    assert not set(rivals_of("he"))


def test_odds_are_for_the_language_that_the_words_are_in():
    by_rival = {each.rival: each for each in contrasts(["une", "pomme", "rouge"], "fr")}
    assert all(each.odds > 0 for each in by_rival.values())
    assert by_rival["en"].own == 3


@pytest.mark.parametrize("language", ["iu", "ach", "son"])
def test_a_language_that_no_identifier_knows_is_refused_with_the_reason(language):
    found = fidelity(["a cat"], [""], language)
    assert math.isnan(found.share)
    assert "no identifier knows" in found.refused
    assert found.refused == refusal(language)
    with pytest.raises(InputError, match="no identifier knows"):
        judge_answer("a cat", "", language)


def test_reasons_say_why():
    assert judge_answer("", PROMPT, "fr") == Judgement("other", "empty")
    assert judge_answer(PROMPT, PROMPT, "fr") == Judgement("other", "echo")
    assert judge_answer("une strawberry rouge", PROMPT, "fr") == Judgement("other", "mixed")
    assert judge_answer("a cat", PROMPT, "fr") == Judgement("other", "language")
    assert judge_answer("42", PROMPT, "fr") == Judgement("unknowable", "no evidence")


def test_an_echo_needs_the_prompt_to_be_known():
    assert judge_answer(PROMPT, "Décris la photo.", "fr").verdict == "target"


def test_one_word_of_the_prompt_is_no_echo():
    assert not is_echo(["image"], words_of(PROMPT))
    assert is_echo(["cette", "image"], words_of(PROMPT))
    assert not is_echo(["un", "chat"], words_of(PROMPT))


@pytest.mark.parametrize("text", ["drapeau malawi", "un restaurant", "la statue de Washington", "le chien Snoopy"])
def test_shared_words_and_names_do_not_make_an_answer_mixed(text):
    assert judge_answer(text, PROMPT, "fr").verdict != "other"


@pytest.mark.parametrize("text", ["Harry Potter", "malawi", "William Shakespeare", "Kiwi"])
def test_shared_words_and_names_alone_are_unknowable(text):
    assert judge_answer(text, PROMPT, "fr") == Judgement("unknowable", "no evidence")


def test_counts_leave_the_unknowable_out_of_the_share():
    found = fidelity(["un chien", "a dog", "une vache", "42", ""], [PROMPT] * 5, "fr")
    assert (found.target, found.other, found.unknowable) == (2, 2, 1)
    assert found.share == 0.5


def test_share_is_undefined_when_no_answer_shows_a_language():
    assert math.isnan(fidelity(["42"], [PROMPT], "fr").share)


def test_prompts_must_match_answers():
    with pytest.raises(InputError, match="2 answers but 1 prompts"):
        fidelity(["a", "b"], ["p"], "fr")


def test_odds_add_up_to_one_and_the_lexicon_moves_them():
    odds = language_odds(["une", "table"], ("fr", "en", "es"))
    assert sum(odds.values()) == pytest.approx(1)
    assert odds["fr"] > language_odds(["table"], ("fr", "en", "es"))["fr"]


def test_lexicon_has_the_languages_promised_and_lower_case_words_only():
    lexicon = load_lexicon()
    assert {"fr", "es", "en", "de", "it", "pt", "ca", "nl"} == set(lexicon.function)
    words = [w for table in (lexicon.function, lexicon.common) for listed in table.values() for w in listed]
    assert all(word == word.lower() for word in words)
    assert not any(lexicon.knows(word, "en") for word in lexicon.shared)


def test_words_split_at_apostrophes_and_keep_hyphens():
    assert words_of("l'arc-en-ciel d’été, 2 fois") == ["l", "arc-en-ciel", "d", "été", "fois"]
