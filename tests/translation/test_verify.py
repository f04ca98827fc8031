import pytest
from hypothesis import given
from test_protect import MIXED

from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.verify import verify


def codes(source, translation, **options):
    return sorted({violation.code for violation in verify(source, translation, **options)})


@pytest.mark.parametrize(
    ("source", "translation", "expected"),
    [
        ("<image>\nA dog.", "<image>\nUn chien.", []),
        ("<image>\nA dog.", "Un chien.\n<image>", ["dropped", "moved-part"]),
        ("<image>\nA dog.", "<image> Un chien.", ["line-breaks"]),
        ("<image> A dog.", "Un chien. <image>", ["moved-part"]),
        ("A dog <image>", "Un <image> chien", ["moved-part"]),
        ("A <b>red</b> dog", "Un chien <b>rouge</b> ici", []),
        ("A <b>red</b> dog", "Un chien </b>rouge<b> ici", ["moved-part"]),
        ("(A) dog (B) cat", "(B) chien (A) chat", ["moved-part"]),
        ("A. dog\nB. cat", "A. chien\nUn chat", ["lost-placeholder", "moved-part"]),
        ("See http://a.b/c now", "Voir http://a.b/d ici", ["added-part", "lost-placeholder"]),
        ("See http://a.b/c now", "Voir http://a.b/c et http://a.b/c", ["doubled-placeholder"]),
        ("Open cat.jpg now", "Ouvrir chat.jpg", ["added-part", "lost-placeholder"]),
        ("3 dogs and 3 cats", "3 chiens et 3 chats", []),
        ("3 dogs and 3 cats", "3 chiens et chats", ["lost-placeholder"]),
        ("3 dogs", "trois chiens", ["lost-placeholder"]),
        ("eight dogs", "8 chiens", ["added-part"]),
        ("the 20th dog", "le chien 20", []),
        ("1.5 km", "1,5 km", ["added-part", "lost-placeholder"]),
        ("It is 15 or 5.", "Il est 5 ou 15.", []),
        ("It is 15 or 5.", "Il est 15.", ["lost-placeholder"]),
        ("15 or 5 dogs", "15 chiens", ["lost-placeholder"]),
        ("a dog at http://a.b", "un chien __1__ http://a.b", ["leftover-placeholder"]),
        ("a dog [1]", "un chien [1]", []),
        (" a dog\n", "un chien\n", ["white-space"]),
        ("a dog  \nb", "un chien\nb", ["white-space"]),
        ("a dog\n\na cat", "un chien\nx\nun chat", ["line-breaks"]),
        ("a dog\n\na cat", "un chien\n \nun chat", ["line-breaks"]),
        ("a dog", "", ["dropped"]),
        ("A dog.", "...", ["dropped"]),
        ("A big red dog sleeps on the old table", "Un", ["dropped"]),
        ("A big red dog sleeps on the table", "Chien", ["dropped"]),  # 5 of 26 letters
        ("A big red dog sleeps on the cold table", "Chiens", []),  # 6 of 30: a fifth is let pass
        ("A red dog", "Voici la traduction " * 20, ["overlong", "white-space"]),
        ("A dog. A cat. A cow.", "Un chien. Un chat et une vache.", ["sentence-count"]),
        ("A dog. A cat.", "Un chien! Un chat.", []),
        ("A big dog sleeps here now", "一只大狗在睡觉", []),
        ("A dog.\tA cat", "Un chien. Un chat", ["line-breaks"]),
    ],
)
def test_what_is_broken_is_named(source, translation, expected):
    assert codes(source, translation) == expected


def test_sentences_are_counted_by_the_sources_language_english_unless_told():
    source, translation = "Mr. Lee met Dr. Fox. He slept.", "Monsieur Lee vit le docteur Fox. Il dormait."
    assert codes(source, translation) == [] == codes(source, translation, language="en")


def test_a_value_of_json_that_is_no_text_is_named():
    (found,) = verify('{"id": "img_01", "said": "A dog"}', '{"id": "img_02", "said": "Un chien"}')
    assert (found.code, found.detail) == ("json-shape", "'img_01' became 'img_02'")
    assert codes('{"id": "img_01", "said": "A dog"}', '{"id": "img_01", "said": "Un chien 7"}') == ["added-part"]
    assert codes('{"said": "A dog"}', '{"dit": "Un chien"}') == ["json-shape"]


def test_glossary_terms_must_have_become_what_they_must():
    glossary = Glossary({"dog": "chien", "Tux": ""})
    assert codes("Tux has a dog", "Tux a un chien", glossary=glossary) == []
    assert codes("Tux has a dog and a hound", "Tux a un chien et un chien", glossary=glossary) == []
    assert codes("Tux has a dog", "Tux a un toutou", glossary=glossary) == ["lost-placeholder"]
    assert codes("A dog", "A dog", glossary=glossary) == ["lost-placeholder"]
    assert codes("Tux sleeps", "Le manchot dort", glossary=glossary) == ["lost-placeholder"]


@given(MIXED)
def test_a_text_is_a_sound_translation_of_itself(text):
    assert verify(text, text) == []
    # the same by the long way
    assert verify(text, text, Glossary({"qqq": ""})) == []
