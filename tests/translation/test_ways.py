"""The ways to a sound translation of a sentence, one after the other, and what is told where none leads there."""

import pytest

from passerelle.errors import RunError
from passerelle.translation.base import FakeTranslator
from passerelle.translation.protection.placeholders import all_forms
from passerelle.translation.protection.protect import MASK, Part, _classes, _take_out, protect
from passerelle.translation.protection.segments import Segment
from passerelle.translation.protection.ways import Answer, Asker, _fitted, _stretches, _tidy

UNDERSCORES, LETTERS, TAG = all_forms()[:3]


def part(text, role="word"):
    return Part(text, "test", role, text)


def segment(masked, *parts, **options):
    return Segment(masked.replace("_", MASK), parts, **options)


class Scripted(FakeTranslator):
    """Says what a function says, and keeps what it was asked, call by call."""

    def __init__(self, said, **more):
        super().__init__(signature="scripted")
        self.said, self.calls = said, []
        for name, value in more.items():
            setattr(self, name, value)

    def translate(self, texts):
        self.calls.append(list(texts))
        return [self.said(text) for text in texts]


def one(said, asked, forms=(UNDERSCORES, LETTERS, TAG), **more):
    """Return the answer to one segment, all that it was asked for, and the calls."""
    engine = Scripted(said, **more)
    answer = Asker(engine, None, forms).answer([asked])[asked]
    return answer, answer.asked, engine.calls


@pytest.mark.parametrize(
    ("stretch", "translation", "expected"),
    [
        ("a dog", "Un chien.", "un chien"),
        ("a dog.", "Un chien.", "un chien."),
        ("a", "Un.", "un"),
        ("A dog", "Un chien", "Un chien"),
        ("1 dog", "Un chien", "Un chien"),
        ("a dog", "TV rouge", "TV rouge"),
        ("the screens", "PCs", "PCs"),
        ("aB", "Un", "un"),
        ("a dog", "un Chien", "un Chien"),
        ("a dog", "U", "U"),
        ("", "Un.", "Un"),
        ("a dog", "", ""),
    ],
)
def test_a_stretch_is_no_sentence(stretch, translation, expected):
    assert _fitted(stretch, translation) == expected


@pytest.mark.parametrize(
    ("asked", "translation", "expected"),
    [
        ("A dog.", " Un chien\n", "Un chien."),
        ("A dog？", "Un chien", "Un chien？"),
        ("A dog", "Un chien", "Un chien"),
        ("A dog?", "Un chien !", "Un chien !"),
        ("A dog.", "", ""),
        ("", "Un", "Un"),
    ],
)
def test_a_sentences_mark_is_given_back(asked, translation, expected):
    assert _tidy(asked, translation) == expected


def test_between_the_parts_stretches_are_asked_alone():
    made = Segment(f"see {MASK} a dog, {MASK}.{MASK}", (part("U"), Part("v", "test", "word", "V"), part("3", "number")))
    assert _stretches(made) == [
        ("", ""), ("see", ""), ("", " "), ("", "U"), ("", " "), ("a dog,", ""), ("", " "), ("", "V"), ("", "."),
        ("", "3"), ("", ""),
    ]  # fmt: skip


def test_what_fails_is_asked_in_the_next_form_with_numbers_hidden_then_around():
    made = segment("see _ and _ now", part("U"), part("3", "number"))
    answer, asked, calls = one(lambda text: text, made)
    assert answer == Answer("see U and 3 now", "engine") and calls == [["see __1__ and 3 now"]]
    assert asked == ("see __1__ and 3 now",)
    answer, asked, calls = one(lambda text: text.replace("__1__", ""), made)
    assert answer == Answer("see U and 3 now", "other-placeholder")
    assert calls == [["see __1__ and 3 now"], ["see XZ1X and XZ2X now"]] and asked == tuple(sum(calls, []))
    answer, asked, calls = one(lambda text: text if "_" not in text and "X" not in text else "voir", made)
    assert answer == Answer("see U and 3 now", "around")
    assert calls[2:] == [["see", "and", "now"]] and asked == tuple(sum(calls, []))
    answer, asked, calls = one(lambda text: "", made)
    assert answer == Answer(None, "around", "not-translated", "no translation came of 'see U and 3 now'")
    assert asked == ("see __1__ and 3 now", "see XZ1X and XZ2X now", "see", "and", "now")
    # One stretch without a translation is none at all.
    assert one(lambda text: "" if "_" in text or "X" in text or text == "and" else text, made)[0].text is None


def test_numbers_alone_are_shown_then_hidden_in_the_best_form():
    made = segment("_ dogs", part("3", "number"))
    answer, _, calls = one(lambda text: text.replace("3", "trois"), made)
    assert answer == Answer("3 dogs", "other-placeholder") and calls == [["3 dogs"], ["__1__ dogs"]]


def test_without_a_form_or_a_part_little_is_asked():
    made = segment("see _", part("U"))
    assert one(lambda text: text, made, forms=())[2] == [["see"]]
    plain = Segment("A dog.")
    answer, asked, calls = one(lambda text: "", plain)
    assert answer == Answer(None, "engine", "not-translated", "no translation came of 'A dog.'")
    assert calls == [["A dog."]] and asked == ("A dog.",)
    assert Asker(Scripted(str), None, ()).answer([]) == {}


def test_what_only_remembers_is_asked_in_every_form():
    made = segment("see _ and _", part("U"), part("3", "number"))
    answer, _, calls = one(lambda text: text if "<x2/>" in text else "", made, only_remembers=True)
    assert answer == Answer("see U and 3", "engine")
    hidden = [[form.write(1).join(("see ", " and ")) + form.write(2)] for form in (UNDERSCORES, LETTERS, TAG)]
    shown = [[f"see {form.write(1)} and 3"] for form in (UNDERSCORES, LETTERS, TAG)]
    assert calls == [*shown, *hidden]


def test_an_answer_says_what_was_wrong():
    made = segment("see _", part("U"))
    answer, _, _ = one(
        lambda text: "voir __1__ et __1__" if "_" in text else "voir XZ1X XZ2X" if "X" in text else "", made
    )
    assert (answer.way, answer.reason) == ("around", "not-translated")
    lost, asked, _ = one(lambda text: f"{text} 7", Segment("A dog"))
    assert lost == Answer(None, "engine", "added-part", "'7': 1, not 0") and asked == ("A dog",)
    inside = segment("a dog", is_inside=True)
    assert one(lambda text: "Un chien.", inside)[0] == Answer("un chien", "engine")
    assert one(lambda text: "Un chien.", Segment("A dog."))[0] == Answer("Un chien.", "engine")


def test_a_part_that_an_answer_lost_is_the_reason():
    """What only remembers may know a sentence without its parts, and nothing of what stands around them."""
    made = segment("_ _", part("U"), part("V"))
    assert one(lambda text: "voir", made)[0] == Answer("U V", "around")
    checked = Asker(Scripted(str), None, ())._checked(made, None, "engine", ("x",))
    assert checked == Answer(None, "engine", "lost-placeholder", "in 'U V'")


def test_segments_are_asked_once_and_together():
    engine = Scripted(lambda text: text.replace("dog", "chien"))
    dog, cat = Segment("A dog."), Segment("A cat.")
    answers = Asker(engine, None, ()).answer([dog, cat, dog])
    assert engine.calls == [["A dog.", "A cat."]]
    assert {made.source: found.text for made, found in answers.items()} == {"A dog.": "A chien.", "A cat.": "A cat."}
    few = Scripted(str)
    few.translate = lambda texts: ["x"]
    with pytest.raises(RunError, match="'scripted' gave 1 translations for 2 texts"):
        Asker(few, None, ()).answer([dog, cat])


def test_classes_are_what_their_file_says():
    _classes.cache_clear()
    classes = {found.name: found for found in _classes()}
    assert classes["url"].role == "word" and "://" in classes["url"].hints
    assert any(found.closes for found in classes.values()) and any(not found.hints for found in classes.values())
    assert all(isinstance(found.closes, str) and isinstance(found.hints, tuple) for found in classes.values())
    assert [(each.name, each.role) for each in protect("See http://a.b/c now").parts] == [("url", "word")]
    assert _take_out("nothing") == (["nothing"], [])
