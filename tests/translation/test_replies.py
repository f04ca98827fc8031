"""What is taken for a translation, and what isn't: refusals, chat, explanations, halves."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.languages.codes import language
from passerelle.translation.prompting.numbered import read_numbered
from passerelle.translation.prompting.replies import judge
from stamp_captions import captions

BOOKS = sorted((Path(__file__).parents[2] / "src" / "passerelle" / "data" / "phrasebooks").glob("*.toml"))
NAMES = ("English", "French")
DOG = "The black dog sleeps near the old river."
CHIEN = "Le chien noir dort près de la vieille rivière."

NONE = [
    ("refusal", "I'm sorry, but I can't help with that."),
    ("refusal", "I’m sorry, I cannot translate this text."),
    ("refusal", "As an AI language model, I have no dog."),
    ("refusal", "Je suis désolé, mais je ne peux pas traduire ce texte."),
    ("refusal", "Lo siento, pero no puedo ayudar con eso."),
    ("refusal", "Es tut mir leid, aber ich kann diesen Text nicht übersetzen."),
    ("refusal", "Mi dispiace, ma non posso tradurre questo testo."),
    ("refusal", "Desculpe, mas não posso ajudar."),
    ("refusal", "抱歉，我无法翻译这段文字。"),
    ("chatty", f"Voici la traduction : {CHIEN}"),
    ("chatty", f"**Voici une traduction possible :** {CHIEN}"),
    ("chatty", f"Here is the French translation:\n\n{CHIEN}"),
    ("chatty", f"Here's the translation of your text: {CHIEN}"),
    ("chatty", f"Sure! {CHIEN}"),
    ("chatty", f"Bien sûr ! {CHIEN}"),
    ("chatty", f"Traduction : {CHIEN}"),
    ("chatty", f'The translation is: "{CHIEN}"'),
    ("chatty", f"French: {CHIEN}"),
    ("chatty", f"**French:** {CHIEN}"),
    ("chatty", "Hier ist die Übersetzung: Der Hund schläft."),
    ("chatty", "Aquí está la traducción: El perro duerme."),
    ("explained", f"{CHIEN} (Note: “dort” is the present tense.)"),
    ("explained", f"{CHIEN}\n\n**Note :** le chien est au masculin."),
    ("explained", f"{CHIEN} Remarque : le chien est au masculin."),
    ("explained", f"{CHIEN} This translation keeps the tense."),
    ("explained", f"{CHIEN} (literally “the dog black”)"),
    ("reasoning", "<think>The user wants me to translate a sentence about a dog"),
    ("reasoning", "<|channel>thought\nThe text is"),
    ("source-repeated", f"{DOG} {CHIEN}"),
    ("source-repeated", f"{DOG} → {CHIEN}"),
    ("source-repeated", f'"{DOG}" se dit « {CHIEN} »'),
    ("several-answers", f"{CHIEN} / Le chien noir sommeille."),
    ("several-answers", f"1. {CHIEN}\n2. Le chien noir sommeille."),
    ("several-answers", f"{CHIEN}\nOr: Le chien noir sommeille."),
    ("overlong", CHIEN * 9),
    ("not-translated", "   "),
    ("not-translated", "<think>Nothing.</think>"),
]


@pytest.mark.parametrize(("reason", "reply"), NONE)
def test_what_is_no_translation_says_why(reason: str, reply: str) -> None:
    judged = judge(DOG, reply, NAMES)
    assert judged.translation == "" and judged.lost is not None
    assert judged.lost.reason == reason and judged.lost.detail


def test_an_answer_that_was_cut_off_is_none() -> None:
    judged = judge(DOG, CHIEN[:20], NAMES, cut_off=True)
    assert judged.lost is not None and judged.lost.reason == "truncated" and "Le chien" in judged.lost.detail


@pytest.mark.parametrize(
    "reply",
    [
        CHIEN,
        f"  {CHIEN}\n",
        f"<think>\n\n</think>\n\n{CHIEN}",
        f"<think>The dog…</think>{CHIEN}",
        f"It is about a dog.\n</think>\n{CHIEN}",
        f"```\n{CHIEN}\n```",
        f"```text\n{CHIEN}\n```",
        f'"{CHIEN}"',
        f"« {CHIEN} »",
        f"“{CHIEN}”",
    ],
)
def test_what_stands_around_a_translation_is_taken_off(reply: str) -> None:
    assert judge(DOG, reply, NAMES).translation == CHIEN


@pytest.mark.parametrize(
    ("source", "reply"),
    [
        ("Here is the translation: A dog.", "Voici la traduction : un chien."),
        ("Translation: a dog", "Traduction : un chien"),
        ("I'm sorry, I can't come tonight.", "Je suis désolé, je ne peux pas venir ce soir."),
        ("Sorry, but I cannot help you with that.", "Désolé, mais je ne peux pas vous aider pour cela."),
        ("I'm afraid I am unable to say.", "Malheureusement, je ne peux pas le dire."),
        ("As an AI, I have no body.", "En tant qu'IA, je n'ai pas de corps."),
        ("Sure! It is a dog.", "Bien sûr ! C'est un chien."),
        ("Of course, it barks.", "Bien sûr, il aboie."),
        ("French: a language.", "French : une langue."),
        ("A dog (a spaniel) sleeps.", "Un chien (un épagneul) dort."),
        ("Note: the dog sleeps.", "Remarque : le chien dort."),
        ("The dog sleeps. (Note: it is old.)", "Le chien dort. (Note : il est vieux.)"),
        ("How is it done (how)?", "Comment fait-on (comment) ?"),
        ('"A dog"', "« Un chien »"),
        ('"Yes" and "no"', '"Oui" et "non"'),
        ("one\ntwo", "un\ndeux"),
        ("cats / dogs", "chats / chiens"),
        ("Mont Blanc", "le Mont Blanc"),
        ("Paris", "Paris"),
        ("Please think <think> about it", "Pense <think> à cela"),
        ("Use ``` here", "Utilise ``` ici"),
    ],
)
def test_what_the_source_says_itself_is_no_fault(source: str, reply: str) -> None:
    assert judge(source, reply, NAMES).translation == reply


def human() -> Iterator[tuple[str, str]]:
    """Pairs that people wrote, both ways: standing instructions in five languages, captions of stamps."""
    for book in BOOKS:
        for pair in tomllib.loads(book.read_text("utf-8"))["phrases"].items():
            yield from (pair, pair[::-1])
    for pair in captions():
        yield from (pair, pair[::-1])


def test_no_translation_by_a_person_is_taken_for_a_fault() -> None:
    names = [language(code).name for code in ("en", "fr", "de", "es", "it", "pt")]
    pairs = list(human())
    kept = [(source, reply) for source, reply in pairs if judge(source, reply, names).translation == reply]
    assert len(BOOKS) >= 5 and len(pairs) > 1000
    assert len(kept) == len(pairs), [pair for pair in pairs if pair not in kept][:5]


@pytest.mark.parametrize("before", ["", "<think>\n{1}\n</think>\n\n", "It is JSON.</think>", "```json\n"])
def test_numbered_answers_are_read_behind_reasoning(before: str) -> None:
    said = '{"1": "un", "2": "</think> deux"}' if not before else '{"1": "un", "2": "deux"}'
    answers, _ = read_numbered(before + said + ("\n```" if "`" in before else ""), 2)
    assert answers is not None and answers[0] == "un" and answers[1].endswith("deux")
    assert read_numbered("<think>{", 1)[0] is None
