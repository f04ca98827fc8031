import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.translation.protection.sentences import MOST_CHARACTERS, count_ends, split_sentences


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A dog. A cat.", ["A dog. ", "A cat."]),
        ("What? No! Yes…  Good", ["What? ", "No! ", "Yes…  ", "Good"]),
        ("Mr. Smith lives on St. John Street.", ["Mr. Smith lives on St. John Street."]),
        ("Fruit, e.g. Apples, cost 3.5 euros. Good.", ["Fruit, e.g. Apples, cost 3.5 euros. ", "Good."]),
        ("In the U.S. Army. In the U.S. He left at 5 p.m. The end.",
         ["In the U.S. Army. ", "In the U.S. ", "He left at 5 p.m. ", "The end."]),
        ("J. K. Rowling wrote it. It is No. 5. No. It isn't.",
         ["J. K. Rowling wrote it. ", "It is No. 5. ", "No. ", "It isn't."]),
        ("Dogs, cats, etc. The end, etc. and so on.", ["Dogs, cats, etc. ", "The end, etc. and so on."]),
        ('He said "Go." Then "What?" he said.', ['He said "Go." ', 'Then "What?" he said.']),
        ("Well... perhaps. a dog. a cat", ["Well... perhaps. ", "a dog. ", "a cat"]),
        ("See a.b and c.d/e.f now", ["See a.b and c.d/e.f now"]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("1. First", ["1. First"]),
        ("", []),
    ],
)  # fmt: skip
def test_english(line, expected):
    assert split_sentences(line, "en") == expected


def test_each_language_has_its_abbreviations():
    assert split_sentences("M. Dupont dort. Il rêve.", "fr") == ["M. Dupont dort. ", "Il rêve."]
    assert split_sentences("Dr. A. Dog.", "xx") == ["Dr. ", "A. Dog."]


@given(st.text(st.sampled_from("abA1.!?… \"')(。«\u00a0é"), max_size=80), st.sampled_from(["en", "fr", "xx"]))
def test_joined_they_are_the_line_and_none_is_blank_but_a_blank_line(line, language):
    sentences = split_sentences(line, language)
    assert "".join(sentences) == line
    assert all(sentence.strip() for sentence in sentences[1:])


def test_a_sentence_without_end_is_cut_where_it_hurts_least():
    pieces = split_sentences("a big red dog, " * 1000, "en")
    assert max(map(len, pieces)) <= MOST_CHARACTERS
    assert all(piece.rstrip().endswith(",") for piece in pieces)
    assert all(len(piece) == MOST_CHARACTERS for piece in split_sentences("x" * 5000, "en"))


def test_marks_that_may_end_a_sentence_are_counted():
    assert count_ends("M. Dupont dort. Il rêve. ") == 2
    assert count_ends("Il rêve.") == 0


@pytest.mark.parametrize("unit", ["a. ", ".", "… ", "« ", '" ', "a", " ", "… ”", "U.S. "])
def test_time_is_linear(unit):
    start = time.process_time()
    split_sentences(unit * (400_000 // len(unit)), "en")
    assert time.process_time() - start < 4
