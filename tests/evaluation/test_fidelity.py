"""Language fidelity on short answers: the identifier's own accuracy, and the rules around it."""

import math
from collections import Counter
from pathlib import Path

import pytest

from passerelle.errors import InputError
from passerelle.evaluation.metrics.fidelity import Judgement, fidelity, is_echo, judge
from passerelle.languages.identify import engine, language_odds, load_lexicon, words_of

PROMPT = "Que montre cette image ?"
TABLE = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "short_answers_fr.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def test_identifier_is_right_on_at_least_95_percent_of_the_labelled_answers():
    wrong = [
        (text, verdict, judge(text, PROMPT, "fr"))
        for text, verdict, _ in TABLE
        if judge(text, PROMPT, "fr").verdict != verdict
    ]
    accuracy = 1 - len(wrong) / len(TABLE)
    assert len(TABLE) >= 120
    assert accuracy >= 0.95, f"{accuracy:.1%}: {wrong}"


def test_no_english_and_no_echo_passes_for_french():
    """The errors that matter most: what a forgetful model says must not raise its fidelity."""
    told = [judge(t, PROMPT, "fr").verdict for t, _, what in TABLE if what in ("English", "echo", "empty")]
    assert Counter(told)["target"] == 0


@pytest.mark.parametrize(
    ("text", "language", "verdict"),
    [
        ("un gato negro", "es", "target"),
        ("paraguas", "es", "target"),
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
    ],
)
def test_other_languages_work_with_and_without_a_lexicon(text, language, verdict):
    assert judge(text, "", language).verdict == verdict


def test_engine_is_named_by_what_knows_the_language():
    assert engine("fr").startswith("lingua-language-detector-")
    assert engine("br").startswith("py3langid-")


def test_reasons_say_why():
    assert judge("", PROMPT, "fr") == Judgement("other", "empty")
    assert judge(PROMPT, PROMPT, "fr") == Judgement("other", "echo")
    assert judge("une strawberry rouge", PROMPT, "fr") == Judgement("other", "mixed")
    assert judge("a cat", PROMPT, "fr") == Judgement("other", "language")
    assert judge("42", PROMPT, "fr") == Judgement("unknowable", "no evidence")


def test_an_echo_needs_the_prompt_to_be_known():
    assert judge(PROMPT, "Décris la photo.", "fr").verdict == "target"


def test_one_word_of_the_prompt_is_no_echo():
    assert not is_echo(["image"], words_of(PROMPT))
    assert is_echo(["cette", "image"], words_of(PROMPT))
    assert not is_echo(["un", "chat"], words_of(PROMPT))


@pytest.mark.parametrize("text", ["drapeau malawi", "un restaurant", "la statue de Washington", "le chien Snoopy"])
def test_shared_words_and_names_do_not_make_an_answer_mixed(text):
    assert judge(text, PROMPT, "fr").verdict == "target"


@pytest.mark.parametrize("text", ["Harry Potter", "malawi", "William Shakespeare", "Kiwi"])
def test_shared_words_and_names_alone_are_unknowable(text):
    assert judge(text, PROMPT, "fr") == Judgement("unknowable", "no evidence")


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
    assert {"fr", "es", "en", "de", "it", "pt", "ca", "nl"} <= set(lexicon.function)
    words = [w for table in (lexicon.function, lexicon.common) for listed in table.values() for w in listed]
    assert all(word == word.lower() for word in words)
    assert not any(lexicon.knows(word, "en") for word in lexicon.shared)


def test_words_split_at_apostrophes_and_keep_hyphens():
    assert words_of("l'arc-en-ciel d’été, 2 fois") == ["l", "arc-en-ciel", "d", "été", "fois"]
