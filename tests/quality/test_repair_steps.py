"""Long texts, glossaries, former repairs and a model's corrections in repair."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from passerelle.commands.repair import repaired_lines
from passerelle.errors import InputError
from passerelle.formats.base import Row
from passerelle.quality.assessing import FakeAssess
from passerelle.quality.base import Pair
from passerelle.quality.evidence.freedict import Dictionary, Grammar
from passerelle.quality.pairs import Paired, PairedRow, PairOptions, only_kinds, read_pairs
from passerelle.quality.plain_text import PlainText
from passerelle.quality.repair.candidates import Candidate, Pool
from passerelle.quality.repair.files import repair_file
from passerelle.quality.repair.proposing import sentences
from passerelle.quality.repair.repair import Repairer
from passerelle.translation.base import FakeTranslator
from passerelle.translation.engines.post_editing import PostEditor, written
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.safe import SafeTranslator

sys.path.insert(0, str(Path(__file__).parents[1] / "translation"))
from chat_server import ChatServer, Handler  # noqa: E402


class NoBook:
    """A dictionary without words."""

    def weighed(self, word: str) -> list[tuple[str, float]]:
        return []

    def grammar(self, word: str) -> Grammar:
        return Grammar()

    def is_word(self, text: str) -> bool:
        return False


class First:
    """A scorer that likes the first candidate most."""

    least_lead = 0.0

    def scores(self, sources: Sequence[str], pools: Sequence[Sequence[Candidate]]) -> list[list[float]]:
        return [[-float(place) for place in range(len(pool))] for pool in pools]


TABLE = {
    "A frog.": "Une grenouille.",
    "Two dogs run.": "Deux chiens courent.",
    "A gnu 3.": "Un gnu 3.",
    "A dog 4.": "Un chien 4.",
}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[TranslationMemory]:
    with TranslationMemory(tmp_path / "m.sqlite") as opened:
        yield opened


def make(memory: TranslationMemory, estimates: Mapping[str, float], **options: object) -> Repairer:
    book: Dictionary = NoBook()
    pool = Pool({"one": FakeTranslator(table=TABLE)}, book)
    return Repairer(pool, First(), FakeAssess(estimates), memory, "engine 1", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("A frog.", [("A frog.", "")]),
        ("A frog. Two dogs run.", [("A frog.", " "), ("Two dogs run.", "")]),
        ("A frog.\n\nTwo dogs run. ", [("A frog.", "\n\n"), ("Two dogs run.", " ")]),
        (" A frog. A dog.", [(" A frog. A dog.", "")]),
        ("", [("", "")]),
    ],
)
def test_texts_are_cut_into_sentences_that_give_them_again(text: str, cut: list[tuple[str, str]]) -> None:
    assert sentences(text, "en") == cut
    assert "".join(core + blanks for core, blanks in cut) == text


def test_long_texts_are_repaired_sentence_by_sentence(memory: TranslationMemory) -> None:
    pair = Pair("A frog.\nTwo dogs run.", "Un crapaud.\nDeux chiens.")
    (done,) = make(memory, {pair.target: 0.2}).repair([pair])
    assert (done.text, done.way) == ("Une grenouille.\nDeux chiens courent.", "sentences")


def test_a_repair_is_found_again_by_repair_and_by_translate(memory: TranslationMemory, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A frog. Two dogs run.\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Un crapaud. Deux chiens.\n", encoding="utf-8")
    paired = read_pairs(tmp_path / "a.txt", tmp_path / "b.txt", PairOptions())
    first = make(memory, {"Un crapaud. Deux chiens.": 0.2})
    assert repair_file(paired, first, memory, tmp_path / "c.txt")["ways"] == {"sentences": 1}
    engine = FakeTranslator(table={"A frog.": "Un batracien."})
    engine.signature = "engine 1"
    assert MemorizedTranslator(engine, memory).translate(["A frog."]) == ["Une grenouille."]
    again = make(memory, {"Un crapaud.": 0.2})
    again._pool = None  # type: ignore[assignment]  # no candidate is asked for
    again._chosen = lambda pairs, broken: {}  # type: ignore[method-assign]
    (done,) = again.repair([Pair("A frog.", "Un crapaud.")])
    assert (done.text, done.way) == ("Une grenouille.", "repaired-before")


def test_only_some_kinds_of_texts_are_repaired(memory: TranslationMemory, tmp_path: Path) -> None:
    def conversations(name: str, asked: str, said: str) -> Path:
        turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": said}]
        path = tmp_path / name
        path.write_text(json.dumps([{"id": "1", "image": "x.png", "conversations": turns}]), encoding="utf-8")
        return path

    english = conversations("en.json", "Two dogs run.", "A frog.")
    paired = read_pairs(english, conversations("fr.json", "Deux chiens.", "Un crapaud."), PairOptions())
    texts = {}
    for kinds in ((), ("answer",), ("question",)):
        out = tmp_path / f"{'-'.join(kinds)}.json"
        repairer = make(memory, {"Deux chiens.": 0.2, "Un crapaud.": 0.2})
        repair_file(only_kinds(paired, kinds), repairer, memory, out)
        texts[kinds] = [turn["value"] for turn in json.loads(out.read_text(encoding="utf-8"))[0]["conversations"]]
    assert texts == {
        (): ["Deux chiens courent.", "Une grenouille."],
        ("answer",): ["Deux chiens.", "Une grenouille."],
        ("question",): ["Deux chiens courent.", "Un crapaud."],
    }
    with pytest.raises(InputError, match="has no text that is caption or option: its texts are answer, question"):
        only_kinds(paired, ("caption", "option"))


def test_an_answer_that_is_an_option_goes_with_the_options() -> None:
    row = Row(1, "1", (), ())
    kinds = ("question", "option", "option", "answer")
    pairs = tuple(
        Pair(source, source, field=kind)
        for kind, source in zip(kinds, ("What?", "A dog", "A cat", "A cat"), strict=True)
    )
    paired = Paired(PlainText(), Path("x"), (PairedRow(row, tuple("abcd"), pairs),))
    assert only_kinds(paired, ("question", "answer")).rows[0].places == ("a",)
    assert only_kinds(paired, ("option",)).rows[0].places == ("b", "c", "d")


def test_the_glossary_is_kept_whatever_the_estimate(memory: TranslationMemory) -> None:
    glossary = Glossary({"gnu": "GNU", "frog": "rainette"})
    safe = SafeTranslator(FakeTranslator(), glossary=glossary)
    repairer = make(memory, {"Une grenouille.": 0.95}, glossary=glossary, safe=safe)
    (done,) = repairer.repair([Pair("A frog.", "Une grenouille.")])
    assert done.way == "glossary" and "rainette" in done.text, "the engine's own lacks the term"
    (kept,) = repairer.repair([Pair("A frog.", "Une rainette.")])
    assert (kept.text, kept.way) == ("Une rainette.", "kept")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    made = ChatServer()
    yield made
    made.close()


def corrects(answers: Mapping[str, str]) -> object:
    def answer(handler: Handler) -> None:
        handler.say({number: answers[draft["source"]] for number, draft in handler.texts.items()})  # type: ignore[index]

    return answer


def editor(server: ChatServer, **options: object) -> PostEditor:
    return PostEditor("tiny", "en", "fr", url=server.url, first_wait_seconds=0.01, concurrency=1, **options)  # type: ignore[arg-type]


WEAK = {"Un gnu 3.": 0.2, "Un gnou 3.": 0.9, "Un gnou.": 0.9, "Un chien 4.": 0.3, "Un gros chien 4.": 0.1}


def test_a_model_corrects_what_is_still_weak(memory: TranslationMemory, server: ChatServer) -> None:
    pytest.importorskip("httpx")
    pairs = [Pair("A gnu 3.", "Un gnu 3."), Pair("A dog 4.", "Un chien 4."), Pair("A cat.", "Un chat.")]
    server.faults = [corrects({"A gnu 3.": "Un gnou 3.", "A dog 4.": "Un gros chien 4."})] * 2  # type: ignore[list-item]
    done = make(memory, WEAK, editor=editor(server)).repair(pairs)
    assert [(found.text, found.way) for found in done] == [
        ("Un gnou 3.", "post-edited"),
        ("Un chien 4.", "kept"),  # the estimate fell
        ("Un chat.", "kept"),
    ]
    (request,) = server.requests
    assert [draft["source"] for draft in request["texts"].values()] == ["A gnu 3.", "A dog 4."]
    assert "correct translations from English to French" in request["body"]["messages"][0]["content"]


def test_a_correction_that_loses_a_number_is_not_taken(memory: TranslationMemory, server: ChatServer) -> None:
    pytest.importorskip("httpx")
    server.faults = [corrects({"A gnu 3.": "Un gnou."})]  # type: ignore[list-item]
    (done,) = make(memory, WEAK, editor=editor(server)).repair([Pair("A gnu 3.", "Un gnu 3.")])
    assert (done.text, done.way) == ("Un gnu 3.", "kept")


def test_the_budget_ends_it_and_what_was_done_counts(memory: TranslationMemory, server: ChatServer) -> None:
    pytest.importorskip("httpx")
    server.faults = [corrects({"A gnu 3.": "Un gnou 3."})]  # type: ignore[list-item]
    repairer = make(memory, WEAK, editor=editor(server, texts_at_once=1, most_tokens=400))
    done = repairer.repair([Pair("A gnu 3.", "Un gnu 3."), Pair("A dog 4.", "Un chien 4.")])
    assert [found.way for found in done] == ["post-edited", "kept"]
    assert "budget of 400 tokens" in repairer.stopped
    assert len(server.requests) == 1


def test_drafts_are_written_as_objects(server: ChatServer) -> None:
    from passerelle.translation.engines.post_editing import Draft

    assert written(Draft("a", "b", "c")) == '{"source": "a", "translation": "b", "problem": "c"}'


def test_what_was_repaired_is_said_in_words() -> None:
    result = {
        "pairs": 1200, "changed": 3, "ways": {"choice": 2, "memory": 1}, "for_review": 4, "review_minutes": 2.5,
        "mean_before": 0.694, "mean_after": 0.745, "out": "fr.json", "review": "review.jsonl",
    }  # fmt: skip
    assert dict(repaired_lines(result)) == {
        "texts": "1,200",
        "changed": "3: 2 by choice, 1 by memory",
        "acceptable": "69% before, 74% now, by the estimate",
        "doubtful": "4 in review.jsonl, about 2.5 min of a person's time",
        "written": "fr.json",
    }
    none = {**result, "changed": 0, "ways": {}, "for_review": 0, "post_editing_stopped": "the budget is spent"}
    said = dict(repaired_lines(none))
    assert (said["changed"], said["doubtful"], said["post-editing"]) == ("0", "0", "stopped: the budget is spent")
