from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasty import WAYS, NastyTranslator
from passerelle.translation.base import FakeTranslator
from passerelle.translation.protection.options import Options, find_collision, option_key
from passerelle.translation.protection.safe import Outcome, SafeTranslator


@dataclass(frozen=True)
class Field:
    place: str
    text: str
    kind: str = "text"


ROW = (
    Field("question", "<image>\nWhich is it?\nA. Bat\nB. the dog.\nC. Both\nAnswer now."),
    Field("A", "Bat", "option"),
    Field("B", "The dog", "option"),
    Field("C", "Both", "option"),
    Field("answer", "Bat", "answer"),
    Field("reply", "the dog.", "answer"),
    Field("letter", "B."),
)
TABLE = {
    "Which is it?": "Lequel ?", "Bat": "Chauve-souris", "Both": "Les deux", "The dog": "Le chien",
    "Answer now.": "Répondez.", "the dog.": "du chien.",
}  # fmt: skip


def texts_of(outcomes):
    return {place: outcome.text for place, outcome in outcomes.items()}


def test_an_option_is_the_same_everywhere_in_its_row(empty_cache):
    engine = FakeTranslator(table=TABLE)
    (outcomes,) = SafeTranslator(engine).translate_rows([ROW])
    assert texts_of(outcomes) == {
        "question": "<image>\nLequel ?\nA. Chauve-souris\nB. le chien.\nC. Les deux\nRépondez.",
        "A": "Chauve-souris", "B": "Le chien", "C": "Les deux",
        "answer": "Chauve-souris", "reply": "le chien.", "letter": "B.",
    }  # fmt: skip
    assert engine.received == ["Bat", "The dog", "Both", "Which is it?", "Answer now."]


def test_options_that_become_the_same_are_asked_of_the_fallback_for_the_whole_row(empty_cache):
    engine = FakeTranslator(table={"Bat": "Batte", "Racket": "batte.", "A bat": "Une batte", "Which?": "Lequel ?"})
    fallback = FakeTranslator(table={"Bat": "Chauve-souris", "Racket": "Raquette"}, signature="fake 2")
    colliding = [
        Field("q", "Which?\n(A) Bat\n(B) Racket"), Field("a", "Bat", "option"), Field("b", "Racket", "option"),
    ]  # fmt: skip
    sound = [Field("a", "Bat", "option"), Field("q", "Bat")]
    first, second = SafeTranslator(engine, fallback=fallback).translate_rows([colliding, sound])
    assert texts_of(first) == {
        "q": "Lequel ?\n(A) Chauve-souris\n(B) Raquette", "a": "Chauve-souris", "b": "Raquette",
    }  # fmt: skip
    assert texts_of(second) == {"a": "Batte", "q": "Batte"}


@pytest.mark.parametrize("fallback", [None, FakeTranslator(table={"Bat": "x", "Racket": "X!"}, signature="fake 2")])
def test_options_that_stay_the_same_reject_the_row(empty_cache, fallback):
    engine = FakeTranslator(table={"Bat": "Batte", "Racket": "batte."})
    rows = [[Field("q", "Which?"), Field("a", "Bat", "option"), Field("b", "Racket", "option")], [Field("q", "Which?")]]
    bad, good = SafeTranslator(engine, fallback=fallback).translate_rows(rows)
    assert {outcome.reason for outcome in bad.values()} == {"options-collide"}
    assert {outcome.text for outcome in bad.values()} == {None}
    assert "'Bat' and 'Racket'" in bad["q"].detail
    assert good == {"q": Outcome("[fr] Which?")} or good["q"].text is not None


def test_a_rejected_option_rejects_the_answer_too(empty_cache):
    (outcomes,) = SafeTranslator(NastyTranslator("empties")).translate_rows(
        [[Field("a", "A big dog", "option"), Field("answer", "A big dog", "answer"), Field("yes", "Yes", "yes-no")]]
    )
    assert outcomes["a"] == outcomes["answer"]
    assert outcomes["a"].reason == "not-translated"
    assert outcomes["yes"].text == "Oui"


def test_yes_and_no_as_options_come_from_the_lexicon(empty_cache):
    row = [
        Field("q", "A. Yes\nB. No"), Field("a", "Yes", "option"), Field("b", "No", "option"),
        Field("answer", "no.", "answer"), Field("yes", "YES", "yes-no"),
    ]  # fmt: skip
    (outcomes,) = SafeTranslator(FakeTranslator()).translate_rows([row])
    assert texts_of(outcomes) == {"q": "A. Oui\nB. Non", "a": "Oui", "b": "Non", "answer": "non.", "yes": "OUI"}


def test_no_rows_and_empty_rows(empty_cache):
    safe = SafeTranslator(FakeTranslator())
    assert safe.translate_rows([]) == []
    assert safe.translate_rows([[], [Field("a", "")]]) == [{}, {"a": Outcome("", way="unchanged")}]


WORDS = st.sampled_from(
    ["Dog", "dog.", "a cat", "A cat", "Both", "3.5 km", "35 km", "B", "Yes", "No", "$x$", "red", ""]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, min_size=1, max_size=5), st.sampled_from(sorted(WAYS)))
def test_whatever_the_engine_does_options_stay_apart_and_the_answer_is_one_of_them(empty_cache, options, way):
    row = [Field(str(number), option, "option") for number, option in enumerate(options)]
    row += [Field("answer", options[0], "answer"), Field("q", "\n".join(f"(A) {option}" for option in options))]
    (outcomes,) = SafeTranslator(NastyTranslator(way)).translate_rows([row])
    assert set(outcomes) == {field.place for field in row}
    assert outcomes["answer"] == outcomes["0"]
    kept = {field.text: outcomes[field.place].text for field in row[: len(options)]}
    kept = {option: text for option, text in kept.items() if text is not None}
    plain = {option.strip(" .").lower(): text.strip(" .").lower() for option, text in kept.items()}
    assert len(set(plain.values())) == len(plain)
    question = outcomes["q"].text
    if question is not None:
        assert all(text in question for text in kept.values())


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Dog", " dog. ", True), ("A  cat", "a cat", True), ("(red)", "red", True), ("«Oui»", "oui", True),
        ("3.5", "35", False), ("-5", "5", False), ("C++", "C", False), ("+", "-", False), (".", "!", False),
        ("$5", "5", False),
    ],
)  # fmt: skip
def test_what_tells_options_apart(first, second, same):
    assert (option_key(first) == option_key(second)) is same


def test_collisions_are_between_options_that_were_different():
    assert find_collision({"Dog": "chien", "dog.": "Chien", "cat": "chat"}) is None
    assert find_collision({"Dog": "chien", "hound": "Chien."}) == ("Dog", "hound")


def test_a_line_is_found_among_the_options_with_its_own_ends():
    options = Options({"Dog": "Chien", "the red cat": "le chat rouge", "U.S.": "États-Unis"})
    assert options.find("Dog") == "Chien"
    assert options.find(" dog; ") == " chien; "
    assert options.find("The red cat.") == "Le chat rouge."
    assert options.find("a dog") is None
    assert options.find(".") is None
