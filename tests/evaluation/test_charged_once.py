"""A text that a pipeline translates for several questions is charged once, wherever the run is killed between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from passerelle.evaluation.asking import asking
from passerelle.evaluation.asking.members import Opener, Spent, System
from passerelle.evaluation.asking.wrapping import Pipeline
from passerelle.evaluation.run import Options, evaluate
from passerelle.records import Answer, Question
from passerelle.translation.base import FakeTranslator
from passerelle.translation.both_ways import TranslationSettings
from passerelle.translation.engines import registry
from passerelle.translation.memory.metered import ChargedTexts

Charged = tuple[dict[str, float], list[str]]


class Says:
    """Says the same few things to all questions, one of which no engine can translate."""

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        return [Answer(q.id, text=("A thing.", "unknown", f"{q.source}.")[len(q.prompt) % 3]) for q in questions]


class Member:
    """Answers so many chunks, and is killed then."""

    def __init__(self, chunks: int) -> None:
        self.wrapping, self.left = Pipeline(TranslationSettings(engine="fake")), chunks

    @property
    def spent(self) -> Spent:
        return Spent(translation=self.wrapping.charged)

    @property
    def charged_texts(self) -> ChargedTexts:
        return self.wrapping.charged_texts

    def answer(
        self, questions: Sequence[Question], pictures: Mapping[str, Path], max_new_tokens: int
    ) -> tuple[list[Answer], dict[str, str]]:
        answers = self.wrapping.wrap(Says(), "fr").answer(questions)
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return answers, {}


class Fake(FakeTranslator):
    def translate(self, texts: Sequence[str]) -> list[str]:
        return ["" if "unknown" in text else one for text, one in zip(texts, super().translate(texts), strict=True)]


@pytest.fixture
def whole(bench: Path, monkeypatch: pytest.MonkeyPatch, empty_cache: Path) -> Charged:
    """What a run that isn't stopped charges, in chunks of one picture."""
    monkeypatch.setattr(asking, "QUESTIONS_PER_CHUNK", 1)
    monkeypatch.setitem(
        registry.ENGINES, "fake", lambda place, source, target, options: Fake(source, target, signature="fake")
    )
    return charged(bench, "whole", 99)


def charged(bench: Path, out: str, chunks: int) -> Charged:
    """Return what is charged for each benchmark, and what is said of texts that couldn't be translated."""
    system = System("p", (Opener("model", lambda: Member(chunks), lambda language: "fake"),), ("fr",))
    benchmarks = (f"pope={bench}/pope-{{language}}.jsonl", f"mmbench={bench}/mmb-{{language}}.tsv")
    results = evaluate(Options(benchmarks=benchmarks, languages="fr", out=bench / out), systems=[system])
    amounts = ("sentences", "characters")
    found = {f"{row['benchmark']} {amount}": row[amount] for row in results["speed"] for amount in amounts}
    return found, [note for note in results["notes"] if "translated" in note]


@pytest.mark.parametrize("stops", [(0, 1), (1, 2), (4, 0, 1)], ids=str)
def test_killed_between_questions_that_share_texts(bench: Path, whole: Charged, stops: tuple[int, ...]) -> None:
    amounts, notes = whole
    assert len(notes) == 1 and amounts["mmbench sentences"] > 0
    for chunks in stops:
        with pytest.raises(KeyboardInterrupt):
            charged(bench, "killed", chunks)
    assert charged(bench, "killed", 99) == (pytest.approx(amounts), notes)
