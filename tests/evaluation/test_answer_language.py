"""The language of answers, short and long, against what a native reader says."""

from collections import Counter
from pathlib import Path

import pytest

from passerelle.evaluation.metrics.answer_language import Judgement, judge_answer, parts_of

PROMPT = "Que montre cette image ?"
ROWS = [
    (text.replace("⏎", "\n"), verdict, what)
    for text, verdict, what in (
        line.split("\t")
        for line in (Path(__file__).parent / "fidelity_fr.tsv").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
]
SEEN, UNSEEN = ROWS[::2], ROWS[1::2]


def told(rows):
    return [(verdict, judge_answer(text, PROMPT, "fr").verdict, text) for text, verdict, _ in rows]


@pytest.mark.parametrize(("name", "rows"), [("all", ROWS), ("looked at", SEEN), ("only counted", UNSEEN)])
def test_labelled_answers(name, rows):
    """Hardly any is said to be what it isn't, and few that show a language are left undecided."""
    found = told(rows)
    wrong = [row for row in found if row[0] != row[1] != "unknowable"]
    unsure = [row for row in found if row[0] != row[1] == "unknowable"]
    assert len(wrong) / len(rows) <= 0.02, wrong
    assert len(unsure) / len(rows) <= 0.04, unsure


def test_table_has_all_kinds():
    assert len(ROWS) >= 300
    kinds = {what for _, _, what in ROWS}
    assert {"short French", "short English", "long French", "long English", "mixed short", "mixed long"} <= kinds
    assert {"name", "number", "same word", "letter", "other language"} <= kinds


def test_confusion_is_what_the_reference_says():
    """docs/reference/metrics.md shows this table."""
    counts = Counter((label, verdict) for label, verdict, _ in told(ROWS))
    assert counts == CONFUSION


CONFUSION = {
    ("target", "target"): 97,
    ("target", "unknowable"): 5,
    ("other", "target"): 1,
    ("other", "other"): 134,
    ("other", "unknowable"): 7,
    ("unknowable", "unknowable"): 61,
}


def test_no_english_passes_for_french():
    english = [row for row in ROWS if row[2] in ("short English", "long English", "empty")]
    assert "target" not in {verdict for _, verdict, _ in told(english)}


def test_a_long_answer_passes_only_line_by_line():
    assert judge_answer("Le chat dort.\nIl est noir et blanc.", "", "fr").verdict == "target"
    assert judge_answer("42", "", "fr").verdict == "unknowable"
    assert judge_answer("Le chat dort sur le lit.\nThe cat is black.", "", "fr") == Judgement("other", "mixed")


def test_parts_are_lines_and_sentences_without_marks_and_quotations():
    text = "1. Le ciel est très bleu. La mer est calme.\n- Le panneau dit « the end » en lettres rouges"
    assert parts_of(text) == ["Le ciel est très bleu.", "La mer est calme.", "Le panneau dit   en lettres rouges"]


@pytest.mark.parametrize(
    ("text", "language", "verdict"),
    [
        ("umbrella", "en", "target"),
        ("red", "en", "unknowable"),  # a net in Spanish
        ("un chien noir", "en", "other"),
        ("El camión azul está en la calle.", "es", "target"),
        ("red", "es", "unknowable"),
        ("Hund", "de", "unknowable"),  # Danish, too
        ("Regenschirm", "de", "target"),
        ("dog", "de", "other"),
        ("un gatto nero", "it", "target"),
        ("o cachorro preto", "pt", "target"),
        ("the black dog", "pt", "other"),
        ("ur c'hazh du war ar gador", "br", "target"),
    ],
)
def test_other_languages(text, language, verdict):
    assert judge_answer(text, "", language).verdict == verdict


@pytest.mark.parametrize(
    ("text", "language", "verdict"),
    [("Oui.", "fr", "target"), ("Non.", "fr", "target"), ("No.", "fr", "other"), ("Yes", "fr", "other")]
    + [("No.", "en", "target"), ("Non", "en", "unknowable"), ("Sí", "es", "target"), ("No", "es", "target")],
)
def test_yes_and_no_show_their_language(text, language, verdict):
    assert judge_answer(text, "", language).verdict == verdict


def test_echo_and_empty_are_named():
    assert judge_answer(PROMPT, PROMPT, "fr") == Judgement("other", "echo")
    assert judge_answer(" … ", PROMPT, "fr") == Judgement("other", "empty")
