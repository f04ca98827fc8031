import math
import sys

import pytest
import torch

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.embedding import EmbeddingCheck
from passerelle.quality.checks.other_ways import BackTranslationCheck, PivotsCheck
from passerelle.quality.engines import Engines, apertium_ways, bare, unknown_words
from passerelle.translation.base import FakeTranslator
from passerelle.translation.memory.memory import TranslationMemory

FORTH = ({"A frog.": "Une grenouille.", "A bat.": "Un *bat."}, {"A frog.": "Un crapaud.", "A bat.": "Une batte."})
BACK = ({"Une grenouille.": "A frog.", "Un bat.": "A *bat."}, {"Une grenouille.": "A toad.", "Un bat.": "A low."})


class Fakes:
    """Two ways in either direction, kept so that a test sees what they were asked."""

    def __init__(self):
        self.made = {
            ("en", "fr"): [FakeTranslator("en", "fr", table, f"forth {n}") for n, table in enumerate(FORTH)],
            ("fr", "en"): [FakeTranslator("fr", "en", table, f"back {n}") for n, table in enumerate(BACK)],
        }

    def __call__(self, source, target):
        return self.made.get((source, target), [])


def test_each_distinct_text_is_asked_once_whoever_asks():
    fakes = Fakes()
    engines = Engines(fakes)
    pairs = [Pair("A frog.", "Une grenouille."), Pair("A frog.", "Une grenouille.")]
    BackTranslationCheck(engines).assess(pairs)
    EmbeddingCheck(engines, lambda texts: torch.ones(len(texts), 1)).assess(pairs)
    assert [engine.received for engine in fakes.made["fr", "en"]] == [["Une grenouille."]] * 2


def test_the_memory_answers_for_the_engine_but_people_do_not(tmp_path):
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        memory.store([("A frog.", "Une rainette.")], "en", "fr", "forth 0", "human-translation")
        memory.store([("A bat.", "Une chauve-souris.")], "en", "fr", "forth 0", "machine")
        fakes = Fakes()
        answers = Engines(fakes, memory).translate(["A frog.", "A bat."], "en", "fr")
        assert answers[0] == {"A frog.": "Une grenouille.", "A bat.": "Une chauve-souris."}
        assert fakes.made["en", "fr"][0].received == ["A frog."]
        Engines(other := Fakes(), memory).translate(["A bat."], "en", "fr")
        assert other.made["en", "fr"][1].received == []


@pytest.mark.parametrize(
    ("text", "without", "count"),
    [("Un *bat et un @cat", "Un bat et un cat", 2), ("2*3 #1", "2*3 1", 1), ("a * b", "a * b", 0)],
)
def test_marks_before_words_are_taken_off_and_counted(text, without, count):
    assert (bare(text), unknown_words(text)) == (without, count)


def test_back_translation_takes_the_best_way_and_counts_unknown_words():
    frog, bat = BackTranslationCheck(Engines(Fakes())).assess(
        [Pair("A frog.", "Une grenouille."), Pair("A bat.", "Un bat.")]
    )
    assert frog.score == 1 and frog.reason == "" and frog.values["worst"] < 0.5 and frog.values["words"] == 1
    assert (frog.values["unknown"], bat.values["unknown"]) == (0, 1)
    assert bat.score == 1  # "A *bat." without its mark


def test_a_text_that_comes_back_otherwise_has_a_reason():
    (found,) = BackTranslationCheck(Engines(Fakes())).assess([Pair("The wheel turns.", "Une grenouille.")])
    assert found.score < 0.5 and found.reason in ("comes back as 'A frog.'", "comes back as 'A toad.'")


def test_pivots_compare_with_the_way_that_agrees_least():
    (found,) = PivotsCheck(Engines(Fakes())).assess([Pair("A frog.", "Une grenouille.")])
    assert found.values["best"] == 1 and found.values["same"] == 0.5 and found.values["words"] == 0
    assert found.score < 0.4 and found.reason == "another way says 'Un crapaud.'"


def test_embedding_gives_the_cosine_of_source_and_back_translation():
    table = {"a frog.": [1.0, 0.0], "a toad.": [0.6, 0.8]}
    encode = lambda texts: torch.tensor([table[text] for text in texts])  # noqa: E731
    (found,) = EmbeddingCheck(Engines(Fakes()), encode).assess([Pair("A frog.", "Une grenouille.")])
    assert found.score == pytest.approx(1) and found.values["worst"] == pytest.approx(0.6)
    (other,) = EmbeddingCheck(Engines(Fakes()), encode).assess([Pair("A frog.", "x", "es", "en")])
    assert math.isnan(other.score)


@pytest.mark.parametrize("make", [BackTranslationCheck, PivotsCheck, EmbeddingCheck])
def test_without_an_engine_or_a_text_nothing_is_said(make):
    check = make(Engines(lambda source, target: []))
    assert isinstance(check, Check) and check.signature.endswith("none")
    assert not any(finding.is_known for finding in check.assess([Pair("A frog.", "Une grenouille."), Pair("", "Un")]))


def test_a_finding_does_not_depend_on_the_other_pairs():
    pairs = [Pair("A frog.", "Une grenouille."), Pair("A bat.", "Un bat."), Pair(" ", "Un bat.")]
    check = PivotsCheck(Engines(Fakes()))
    assert check.assess(pairs)[:2] == [check.assess([pair])[0] for pair in pairs[:2]]
    assert not check.assess(pairs)[2].is_known


def test_apertium_goes_there_and_back_by_both_pivots():
    engines = Engines()
    assert [way.chain for way in apertium_ways("en", "fr")] == [("eng-cat", "cat-fra"), ("eng-spa", "es-fr")]
    try:
        (found,) = PivotsCheck(engines).assess([Pair("A horse.", "Un cheval.")])
        (back,) = BackTranslationCheck(engines).assess([Pair("A horse.", "Un cheval.")])
    finally:
        engines.close()
    assert (found.score, found.values["same"], back.score) == (1, 1, 1)


def test_candidates_and_checks_have_the_same_programs_translate_and_each_text_once(monkeypatch):
    engines = Engines()
    asked: list[tuple[str, ...]] = []
    for way in engines.ways("en", "fr"):
        plain = way.translate
        monkeypatch.setattr(way, "translate", lambda texts, plain=plain: asked.append(tuple(texts)) or plain(texts))
    makers = engines.through("en", "fr")
    try:
        assert list(makers) == ["eng-cat cat-fra", "eng-spa es-fr"]
        said = [maker.translate(["A horse.", "A frog.", "A horse."]) for maker in makers.values()]
        assert asked == [("A horse.", "A frog.")] * 2 and all(one[0] == one[2] for one in said)
        (found,) = PivotsCheck(engines).assess([Pair("A horse.", said[0][0])])
        assert len(asked) == 2 and found.values["best"] == 1
    finally:
        engines.close()


def test_candidates_have_ways_that_checks_have_not():
    engines = Engines(lambda source, target: [])
    makers = engines.through("en", "fr")
    try:
        assert [maker.translate(["A horse."]) for maker in makers.values()] == [["Un cheval."]] * 2
    finally:
        engines.close()
    assert all(one._pipeline is None for one in engines._others), "what close() is for"


def test_who_only_asks_for_the_weights_waits_for_no_library_of_tensors(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "passerelle.quality.evidence.sentences", raising=False)
    EmbeddingCheck(Engines(Fakes())).require()
