"""Standing instructions are known by heart: their words, their slots, and whose translation wins."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from passerelle.errors import InputError
from passerelle.languages.phrasebook import Ask, Phrasebook, read_phrasebook
from passerelle.translation.base import FakeTranslator
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.known import KnownSentences
from passerelle.translation.protection.safe import SafeTranslator
from passerelle.translation.protection.verify import verify

LANGUAGES = ("fr", "es", "de", "it", "pt")
PUBLISHED = """Describe the image concisely.
Summarize the visual content of the image.
Present a compact description of the photo’s key features.
Describe the following image in detail
Walk through the important details of the image
Write an exhaustive depiction of the given image
Provide a one-sentence caption for the provided image.
Answer the question using a single word or phrase.
When the provided information is insufficient, respond with 'Unanswerable'.
Answer with the option's letter from the given choices directly.
Please select the correct answer from the options above.
Please answer yes or no.
Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end.
Context: N/A
The answer is B.
Describe this picture in one sentence.""".splitlines()


@pytest.mark.parametrize(("language", "least"), [("fr", 120), ("es", 60), ("de", 60), ("it", 60), ("pt", 60)])
def test_enough_is_known_and_all_of_it_is_sound(language: str, least: int) -> None:
    book = read_phrasebook("en", language)
    assert book.entries >= least
    assert all(verify(source, meant) == [] for source, meant in book._plain.values())
    known = KnownSentences("en", language)
    assert [text for text in PUBLISHED if known.translate(text) is None] == []


def test_the_french_has_its_no_break_spaces() -> None:
    text = files("passerelle.data").joinpath("phrasebooks", "en-fr.toml").read_text(encoding="utf-8")
    for meant in tomllib.loads(text)["phrases"].values():
        for place, mark in enumerate(meant):
            assert mark not in ":?!»" or meant[place - 1] == "\u00a0", meant
            assert mark != "«" or meant[place + 1] == "\u00a0", meant


@pytest.mark.parametrize(
    ("text", "expected", "asked"),
    [
        ("<image>\nDescribe this picture in one sentence.", "<image>\nDécrivez cette image en une phrase.", []),
        ("please describe the photo in detail", "veuillez décrire la photo en détail", []),
        ("What is it?\nAnswer in one word", "Qu'est-ce que c'est\u00a0?\nRépondez en un mot", []),
        ("Describe the image:", "Décrivez l'image\u00a0:", []),
        ("No. It is small.", "Non. [fr] It is small.", ["It is small."]),
        ("No, it is small.", "Non, [fr] it is small.", ["it is small."]),
        ("Yes – a dog", "Oui – [fr] a dog", ["a dog"]),
        ("No dogs", "[fr] No dogs", ["No dogs"]),
        ("Is there a cat in the photo?", "Y a-t-il [fr] a cat sur la photo\u00a0?", ["a cat"]),
        ("Question: Yes", "Question\u00a0: Oui", []),
        ("Hint: look (A) here", "Indice\u00a0: [fr] look (A) [fr] here", ["look", "here"]),
        ("The answer is (C).", "La réponse est (C).", []),
        ("Describe the image in 30 words.", "Décrivez l'image en 30 mots.", []),
        ("Describe the image in thirty words.", "[fr] Describe the image in thirty words.",
         ["Describe the image in thirty words."]),
    ],
)  # fmt: skip
def test_what_is_known_is_not_asked(text: str, expected: str, asked: list[str]) -> None:
    engine = FakeTranslator()
    outcome = SafeTranslator(engine).translate([text])[0]
    assert (outcome.text, engine.received) == (expected, asked)


def test_the_way_is_told() -> None:
    safe = SafeTranslator(FakeTranslator())
    texts = ["Describe the image.", "No. Yes.", "Describe the image. It is red.", "The answer is B."]
    assert [found.way for found in safe.translate(texts)] == ["phrasebook", "lexicon", "engine", "phrasebook"]


@pytest.mark.parametrize("text", ["Describe the image.", "<image>\nIt is red. Describe the image."])
def test_people_win_over_the_phrasebook(tmp_path: Path, text: str) -> None:
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        engine = FakeTranslator()
        safe = SafeTranslator(MemorizedTranslator(engine, memory))
        assert "Décrivez l'image." in str(safe.translate([text])[0].text)
        memory.store([("Describe the image.", "Décris l'image.")], "en", "fr", "another", "human-translation")
        assert "Décris l'image." in str(safe.translate([text])[0].text)
        assert "Describe the image." not in engine.received


def test_a_glossarys_terms_win_too() -> None:
    safe = SafeTranslator(FakeTranslator(), glossary=Glossary({"image": "figure"}))
    assert safe.translate(["Describe the image."])[0].text == "[fr] Describe the figure."


def test_a_file_of_ones_own_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'determiners = "a the"\n[slots.beast]\n"a dog" = "un chien"\n"a cat" = "un chat"\n[phrases]\n'
        '"Describe the image." = "Décris l\'image."\n"Draw {beast}." = "Dessine {beast}."\n'
        '"{thing} near {thing2}" = "{thing2} près de {thing}"\n',
        encoding="utf-8",
    )
    book = read_phrasebook("en", "fr", own)
    assert book.find("Describe the image") == ("Décris l'image",)
    assert book.find("draw a cat.") == ("dessine un chat.",)
    assert book.find("a dog near the house") == (Ask("the house"), " près de ", Ask("a dog"))
    assert book.find("Describe this image in detail.") == ("Décrivez cette image en détail.",)
    assert book.digest != read_phrasebook("en", "fr").digest
    assert not read_phrasebook("fr", "en") and read_phrasebook("fr", "en").find("Décris l'image.") is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('[phrases]\n"Draw {beest}." = "Dessine {beest}."', "beest"),
        ('[phrases]\n"Draw {text}." = "Dessine."', "other slots"),
        ('[phrases]\n"Draw." = 3', "no text"),
        ('[phrase]\n"Draw." = "Dessine."', "phrases"),
        ("phrases = [", "TOML"),
        ("phrases = 3", "own.toml"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, content: str, says: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read_phrasebook("en", "fr", own)
    with pytest.raises(InputError, match="none.toml"):
        read_phrasebook("en", "fr", tmp_path / "none.toml")


def test_without_a_book_nothing_is_found() -> None:
    assert Phrasebook().find("Describe the image.") is None
