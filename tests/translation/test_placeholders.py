import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_apertium import needs_pair

from nasty import NastyTranslator
from passerelle.translation.base import FakeTranslator
from passerelle.translation.engines.apertium import ApertiumTranslator
from passerelle.translation.protection.placeholders import all_forms, decode, encode, find_leftovers, probe
from passerelle.translation.protection.protect import MASK, Part
from passerelle.translation.protection.segments import Segment

FORMS = {form.name: form for form in all_forms()}
forms = st.sampled_from(all_forms())


def segment(masked, *texts, role="word"):
    return Segment(masked.replace("_", MASK), tuple(Part(text, "test", role, text) for text in texts))


@given(st.lists(st.text(st.sampled_from("ab .,[]_XZ<90/x1"), max_size=4), min_size=1, max_size=6), forms)
def test_an_engine_that_changes_nothing_gives_the_segment_back(pieces, form):
    parts = [f"<{number}>" for number in range(len(pieces) - 1)]
    made = Segment(MASK.join(pieces), tuple(Part(text, "test", "word", text) for text in parts))
    encoded = encode(made, form, hide_numbers=True)
    assert encoded is None or decode(encoded.text, encoded) == made.source


@pytest.mark.parametrize(
    ("form", "answer", "expected"),
    [
        ("underscores", "le __1__ et __2__", "le U et V"),
        ("underscores", "le __2__ et __ 1 __", "le V et U"),
        ("letters", "le xz1x et Xz 2 X", "le U et V"),
        ("tag", "le < x1 /> et <X2/>", "le U et V"),
        ("number", "le 90 001 et 90,002", "le U et V"),
        ("underscores", "le __1__", None),
        ("underscores", "le __1__ et __2__ et __2__", None),
        ("underscores", "le __1__ et __3__", None),
        ("underscores", "le 1 et 2", None),
    ],
)
def test_small_changes_are_forgiven_and_lost_ones_seen(form, answer, expected):
    encoded = encode(segment("the _ and _", "U", "V"), FORMS[form], hide_numbers=False)
    assert decode(answer, encoded) == expected


def test_beside_a_letter_a_blank_is_put_and_taken_away():
    encoded = encode(segment("_dog_ a _cat", "<b>", "</b>", "<i>"), FORMS["underscores"], hide_numbers=False)
    assert encoded.text == "__1__ dog __2__ a __3__ cat"
    assert decode("__1__ chien __2__ un __3__chat", encoded) == "<b>chien</b> un <i>chat"


def test_numbers_are_shown_until_told_otherwise():
    made = segment("_ cats", "3", role="number")
    assert encode(made, None, hide_numbers=False).text == "3 cats"
    assert encode(made, FORMS["tag"], hide_numbers=True).text == "<x1/> cats"
    assert encode(made, None, hide_numbers=True) is None


def test_a_form_that_the_text_holds_already_is_not_used():
    assert encode(segment("see [1] in _", "U"), FORMS["brackets"], hide_numbers=False) is None
    assert encode(segment("see [1] in _", "U"), FORMS["tag"], hide_numbers=False).text == "see [1] in <x1/>"
    many = segment("a" + "_ " * 1000, *["U"] * 1000)
    assert encode(many, FORMS["number"], hide_numbers=False) is None


def test_leftovers_are_found():
    assert find_leftovers("a dog", "un __1__ XZ2X [3] chien") == ["__1__", "XZ2X", "[3]"]
    assert find_leftovers("see [3]", "voir [3]") == []


def test_probe_orders_forms_by_what_survives_and_asks_once(empty_cache):
    class Picky(FakeTranslator):
        """Loses underscores always, tags in one sentence of two."""

        def translate(self, texts):
            lost = [text.replace("__", "") for text in super().translate(texts)]
            return [text.replace("<x1/>", "") if number % 2 else text for number, text in enumerate(lost)]

    engine = Picky(signature="picky 1")
    found = [form.name for form in probe(engine)]
    assert found == ["letters", "brackets", "number", "private-use", "tag"]
    asked = len(engine.received)
    assert asked == 12 * len(FORMS)
    assert [form.name for form in probe(engine)] == found
    assert len(engine.received) == asked
    (file,) = (empty_cache / "placeholders").iterdir()
    kept = json.loads(file.read_text())
    assert (kept["signature"], kept["sentences"], kept["kept"]["underscores"]) == ("picky 1", 12, 0)
    probe(Picky(signature="picky 2"))
    assert len(list((empty_cache / "placeholders").iterdir())) == 2


def test_a_broken_cache_file_is_made_again(empty_cache):
    probe(FakeTranslator())
    (file,) = (empty_cache / "placeholders").iterdir()
    file.write_text("{")
    assert [form.name for form in probe(FakeTranslator())][0] == "underscores"
    assert json.loads(file.read_text())["kept"]["underscores"] == 12


@pytest.mark.parametrize("way", ["deletes", "doubles", "empties"])
def test_no_form_is_usable_where_none_survives(empty_cache, way):
    assert probe(NastyTranslator(way)) == ()


@needs_pair
def test_apertium_keeps_every_form(empty_cache):
    with ApertiumTranslator("en", "fr") as engine:
        assert {form.name for form in probe(engine)} == set(FORMS)
