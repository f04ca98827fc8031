"""No reading is worse than the plain one: what the published rules read is read, or it is said why not."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from passerelle.evaluation.parsing import options, polarity
from passerelle.evaluation.parsing.localised import option_of, same_answer, why_unread, yes_or_no
from passerelle.evaluation.parsing.published import mmbench_option, mme_said, vqa_words

OPTIONS = ("a dog", "a cat", "a horse", "a cow")
AROUND = ["{}", "{}.", "({})", "**{}**", '"{}"', "{}!", "- {}", "{}\n", "<answer>{}</answer>", r"\boxed{{{}}}", "{} ✅"]
SENTENCES = [
    "{}", "Answer: {}", "The answer is {}.", "{} is the correct answer.", "Option {} is correct.", "I choose {}",
    "It must be {} since the tail is long.", "The answer is {} since it has whiskers.", "({}) because of the ears",
    "I would go with {} here.", "My final choice: {}", "Looking closely, {} fits best", "{} fits the picture best",
    "The picture makes {} the obvious pick for me", "Definitely {} I would say", "{} , as the ears show",
]  # fmt: skip
YES_OR_NO = [
    "{}", "{}.", "{}, really.", "{}! Look at it.", "{}, there is one on the left.", "{}: the one on the left",
    "{} - clearly visible", "{}; see the left corner", "**{}**, obviously", "{}\nThe left one.",
]  # fmt: skip
LABELLED = [
    line.split("\t")
    for line in (Path(__file__).parent / "answers_fr.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize("language", ["en", "fr", "es", "pt", "eu"])
def test_a_letter_is_read_in_any_decoration(language: str) -> None:
    for letter, around in product("ABCD", AROUND):
        assert option_of(around.format(letter), OPTIONS, language) == "ABCD".index(letter), around
    for word, around in product(("yes", "Yes", "YES", "no", "No"), AROUND[:-1]):
        if language != "eu":
            assert yes_or_no(around.format(word), language) == word.lower(), around


@pytest.mark.parametrize("language", ["en", "fr", "de", "eu"])
def test_what_the_published_rules_read_in_english_is_read(language: str) -> None:
    for sentence, letter in product(SENTENCES, "BCD"):
        text = sentence.format(letter)
        if (read := mmbench_option(text, OPTIONS)) is not None:
            assert option_of(text, OPTIONS, language) == read, text
    for sentence, word in product(YES_OR_NO, ("Yes", "No")):
        text = sentence.format(word)
        if language != "eu" and (said := mme_said(text)) is not None:
            assert yes_or_no(text, language) == said, text


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "empty"),
        ("…", "empty"),
        ("I can't tell whether it is B here.", "refusal"),
        ("It is clearly not B here", "denied or supposed"),
        ("If it were B there would be a saddle", "denied or supposed"),
        ("None of the options, not even B", "none of the options"),
        ("Either B or D I think", "both"),
        ("A zebra", "a word"),
        ("zebra", "nothing said"),
    ],
)
def test_what_is_left_unread_has_its_reason(answer: str, why: str) -> None:
    assert option_of(answer, OPTIONS, "en") is None
    assert why_unread(answer, "en", OPTIONS) == why


def test_the_plain_rules_never_read_what_a_reader_couldnt() -> None:
    """They add readings to ours; none of them to an answer that people found to say nothing."""
    for kind, given, answer, label, _ in LABELLED:
        if kind == "yes-no" and label == "-":
            assert yes_or_no(answer, "fr") == polarity.yes_or_no(answer, "fr"), answer
        if kind == "letter" and label == "-":
            offered = given.split("|")
            assert option_of(answer, offered, "fr") == options.option_of(answer, offered, "fr"), answer


def test_what_vqas_rule_finds_the_same_in_english_is_the_same() -> None:
    for words in ("don't know", "two dogs", "o'clock", "black and white", "stop sign", "t-shirt", "5", "1/2", "2:30"):
        for said in (
            words,
            words.upper(),
            f"{words}.",
            f"the {words}",
            words.replace("'", ""),
            f'"{words}"!',
            f" {words},",
        ):
            if vqa_words(said) == vqa_words(words):
                assert same_answer(said, words, "en"), said
    for said, right in (("-5", "5"), ("1.5", "15"), ("dont", "do"), ("", "a")):
        assert not same_answer(said, right, "en"), said
    assert not same_answer("lets go", "let's go", "fr")


@pytest.mark.parametrize("answer", ["No lo sé.", "No es fácil decirlo.", "No hay manera de saberlo", "Non so."])
def test_a_no_that_is_a_statements_is_none(answer: str) -> None:
    assert mme_said(answer) == "no"
    for language in ("es", "it", "ca"):
        assert yes_or_no(answer, language) == polarity.yes_or_no(answer, language)
