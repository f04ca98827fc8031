import pytest
from hypothesis import given
from test_protect import MIXED

from passerelle.languages.phrasebook import Ask
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.segments import Phrase, Segment, cut, flat
from passerelle.translation.protection.sentences import BREAK, split_sentences


def asked(text, **options):
    return [item.source for item in cut(text, "en", **options) if isinstance(item, Segment)]


@given(MIXED)
def test_nothing_is_lost_and_no_segment_has_more_than_one_sentence(text):
    items = cut(text, "en")
    assert "".join(item if isinstance(item, str) else item.source for item in items) == text
    for item in items:
        if isinstance(item, Segment):
            assert not BREAK.search(item.masked)
            assert item.masked == item.masked.strip()
            assert len(split_sentences(item.masked, "en")) == 1
            assert not any(part.role == "wall" for part in item.parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<image>\n What is it?  It is red.\n", ["What is it?", "It is red."]),
        ("<b>A dog</b> sleeps. <br> Good", ["A dog</b> sleeps.", "Good"]),
        ("A <b>dog</b>", ["A <b>dog"]),
        ("A dog<|im_end|>", ["A dog"]),
        ("A dog <|im_end|> ", ["A dog"]),
        ("  - a dog\n\n1. a cat\tTwo", ["a dog", "a cat", "Two"]),
        ("(A) dog (B) 3 cats (C) 3.5 km", ["dog", "3 cats"]),
        ("Take ```\nx\n``` or http://a.b.", ["Take", "or http://a.b."]),
        ("http://a.b. 5 km!", []),
        ("", []),
    ],
)
def test_what_an_engine_is_asked(text, expected):
    assert asked(text) == expected


def test_whole_lines_may_be_known_already():
    known = {"dog": "chien", "Both": "Les deux"}.get
    assert cut("A. dog\n<image> Both\nthe dog", "en", known=known) == [
        "A.", " ", "chien", "\n", "<image> ", "Les deux", "\n", Segment("the dog"),
    ]  # fmt: skip


def test_sentences_are_known_but_for_their_slots():
    known = {
        "Describe the dog.": ("phrasebook", ["Décris ", Ask("the dog"), "."]),
        "Say: Describe the dog.": ("lexicon", ["Dis : ", Ask("Describe the dog.")]),
    }
    items = cut("Say: Describe the dog.\nA cat.", "en", phrases=known.get)
    slot = Segment("the dog", is_inside=True)
    inner = Phrase("Describe the dog.", "phrasebook", ("Décris ", slot, "."))
    assert items == [Phrase("Say: Describe the dog.", "lexicon", ("Dis : ", inner)), "\n", Segment("A cat.")]
    assert flat(items) == (("Dis : ", "Décris ", slot, ".", "\n", Segment("A cat.")), ("lexicon", "phrasebook"))
    # What people translated themselves is asked for whole, be it inside of another.
    own = Segment("Describe the dog.")
    assert flat(items, ["Describe the dog."]) == (("Dis : ", own, "\n", Segment("A cat.")), ("lexicon",))


def test_glossary_terms_become_what_they_must():
    assert cut("Dog!", "en", Glossary({"dog": "chien"})) == ["Chien!"]
