"""What an experiment asks and teaches: no test picture is trained on, each version asks the same."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from passerelle.compare.data import MOST_SYMBOLS, Data, Translation, translated_prompts
from passerelle.config import Experiment, parse_experiment
from passerelle.errors import InputError
from passerelle.example import splits
from passerelle.languages.prompts import find_prompts
from passerelle.records import Picture
from passerelle.translation.memory.memory import TranslationMemory


class Engine:
    """Translates by a mark; counts texts."""

    signature = "mark"

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.texts = 0

    def translate(self, texts: Sequence[str]) -> list[str]:
        self.texts += len(texts)
        return [f"{self.mark} {text}" for text in texts]


@pytest.fixture(scope="module")
def pictures(stamps: list[Picture], emojis: list[Picture]) -> dict[str, Picture]:
    return {picture.id: picture for picture in stamps + emojis}


@pytest.mark.skipif(shutil.which("apertium") is None, reason="install apertium")
def test_the_users_memory_is_not_the_engines_here(empty_cache: Path) -> None:
    with TranslationMemory(empty_cache / "translations.sqlite") as memory:
        memory.store([("a dog", "un toutou")], "en", "fr", "", "human-translation")
    assert Translation.open("fr").forward.translate(["a dog"]) == ["un chien"]


def make_data(pictures: dict[str, Picture], **settings: Any) -> Data:
    prompts = find_prompts("fr")
    assert prompts is not None
    translation: Any = SimpleNamespace(forward=Engine("mt"), backward=Engine("en"), signature="mark")
    return Data(parse_experiment(settings, "test"), pictures, translation, prompts)


def test_sides_are_the_stored_ones(pictures: dict[str, Picture]) -> None:
    data = make_data(pictures)
    stored = splits.stored()
    assert {stored[p.id] for p in data.train} == {"train"}
    assert {stored[p.id] for p in data.test} == {"test"}
    assert sum(p.source == "stamps" for p in data.test) >= 300
    assert sum(p.source == "emoji" for p in data.test) >= 350
    concepts = {p.concept for p in data.train}
    assert not concepts & {p.concept for p in data.test}
    assert not {q.picture for q in data.tests["human"]} & {s.picture for s in data.samples("human", 0)}


def test_the_development_split_can_be_asked(pictures: dict[str, Picture]) -> None:
    data = make_data(pictures, test={"split": "development"})
    assert {splits.stored()[p.id] for p in data.test} == {"development"}
    assert {splits.stored()[q.picture] for q in data.tests["human"]} == {"development"}


def test_letters_do_not_dominate_the_training(pictures: dict[str, Picture]) -> None:
    train = make_data(pictures).train
    assert sum(p.category.startswith("symbols/") for p in train) == MOST_SYMBOLS
    assert len(train) > 1000


def test_a_smaller_experiment_is_part_of_a_larger_one(pictures: dict[str, Picture]) -> None:
    small = make_data(pictures, test={"stamps": 6, "emoji": 4}, budget={"pictures": 24})
    large = make_data(pictures, test={"stamps": 60, "emoji": 40}, budget={"pictures": 100})
    assert (len(small.test), len(large.test), len(small.train)) == (10, 100, 24)
    assert {p.id for p in small.test} < {p.id for p in large.test}
    assert {p.id for p in small.train} < {p.id for p in large.train}
    asked = {q.id: q for q in large.tests["human"]}
    assert all(asked[q.id] == q for q in small.tests["human"]), "a question doesn't depend on how many there are"


def test_an_empty_test_is_refused(pictures: dict[str, Picture]) -> None:
    with pytest.raises(InputError, match="raise test.stamps or test.emoji"):
        _ = make_data(pictures, test={"stamps": 0, "emoji": 0}).test


def test_the_three_versions(pictures: dict[str, Picture]) -> None:
    data = make_data(pictures, test={"stamps": 5, "emoji": 5})
    tests = data.tests
    assert tests.keys() == {"english", "human", "machine"}
    shapes = [[(q.id, q.kind, q.correct, len(q.options)) for q in questions] for questions in tests.values()]
    assert shapes[0] == shapes[1] == shapes[2]
    human, machine, in_english = ({q.id: q for q in tests[name]} for name in ("human", "machine", "english"))
    identifier = next(i for i in human if i.endswith("#choice-random"))
    assert machine[identifier].options == tuple(f"mt {option}" for option in in_english[identifier].options)
    assert human[identifier].language == machine[identifier].language == "fr"
    assert in_english[identifier].language == "en"
    assert {q.options for q in tests["machine"] if q.kind == "yes-no"} == {("Oui", "Non")}


def test_questions_are_translated_into_english(pictures: dict[str, Picture]) -> None:
    data = make_data(pictures, test={"stamps": 3, "emoji": 3})
    back = data.translate_questions(data.tests["human"], "en", "machine")
    assert all(q.prompt.startswith("en ") for q in back)
    assert {q.options for q in back if q.kind == "yes-no"} == {("Yes", "No")}
    assert [q.correct for q in back] == [q.correct for q in data.tests["human"]]


def test_human_and_machine_samples_are_of_the_same_pictures(pictures: dict[str, Picture]) -> None:
    data = make_data(pictures, budget={"pictures": 30, "yes_no": 2})
    human, machine = data.samples("human", 0), data.samples("machine", 0)
    assert [s.picture for s in human] == [s.picture for s in machine]
    assert [len(s.turns) for s in human] == [len(s.turns) for s in machine] == [3] * 30
    assert all(s.origin == "machine" and s.turns[0].reply.startswith("mt ") for s in machine)
    assert all([t.reply for t in s.turns[1:]] == ["Oui", "Non"] for s in machine + human)


def test_selected_and_repaired_samples(pictures: dict[str, Picture]) -> None:
    data = make_data(pictures, budget={"pictures": 30})
    ids = [picture.id for picture in data.train]
    data.__dict__["screening"] = SimpleNamespace(
        kept=frozenset(ids[:20]),
        drawn=frozenset(ids[10:]),
        repaired=lambda texts: [f"good {text}" for text in texts],
    )
    for text, chosen in (("filtered", ids[:20]), ("random", ids[10:]), ("machine", ids), ("repaired", ids)):
        samples = data.samples(text, 0)
        assert [sample.picture for sample in samples] == chosen
        assert {sample.origin for sample in samples} == {"repaired" if text == "repaired" else "machine"}
        mark = "good " if text == "repaired" else "mt "
        assert all(sample.turns[0].reply.startswith(mark) for sample in samples)


def test_epochs_ask_otherwise_and_are_kept(pictures: dict[str, Picture]) -> None:
    data = make_data(pictures, budget={"pictures": 30, "yes_no": 2})
    assert data.samples("human", 0) != data.samples("human", 1)
    data.samples("machine", 0)
    texts = data.translation.forward.texts  # type: ignore[attr-defined]
    data.samples("machine", 0)
    assert data.translation.forward.texts == texts  # type: ignore[attr-defined]


def test_prompts_of_a_language_that_has_none() -> None:
    translation: Any = SimpleNamespace(forward=Engine("oc"), backward=Engine("en"))
    prompts = translated_prompts("oc", translation)
    assert (prompts.language, prompts.yes, prompts.caption) == ("oc", "oc Yes", "oc What is this?")
    assert prompts.ask_whether("un gat") == "oc Is this un gat?"


def test_the_default_experiment_needs_no_file() -> None:
    assert parse_experiment({}, "test") == Experiment()
