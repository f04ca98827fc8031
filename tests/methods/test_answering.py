"""Answerers on a tiny real model: scores, priors, captions, prompts, translation on both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from passerelle.evaluation.asking.answering import ModelAnswerer, PipelineAnswerer, PromptedAnswerer, first_line
from passerelle.models.prefix_tree import collate
from passerelle.records import Answer, Question

PICTURES = [f"p{index}" for index in range(5)]
NAMES = ("un merle", "une oie", "un chat", "des pommes", "la neige")


def questions() -> list[Question]:
    found = []
    for index, picture in enumerate(PICTURES):
        asked = Question(
            f"{picture}#choice-random", "choice-random", picture, "stamps", "fr", "human-translation", "Quoi ?"
        )
        options = (NAMES[index], NAMES[(index + 1) % 5], NAMES[(index + 2) % 5], "autre")
        found.append(replace(asked, options=options, correct=0, reference=options[0]))
        found.append(replace(asked, id=f"{picture}#caption", kind="caption"))
        yes_no = replace(asked, id=f"{picture}#yes", kind="yes-no", prompt=f"Est-ce {NAMES[index]} ?")
        found.append(replace(yes_no, options=("Oui", "Non"), correct=0))
    return found


@pytest.fixture
def answerer(tiny: Any) -> ModelAnswerer:
    torch.manual_seed(3)
    return ModelAnswerer(tiny, torch.randn(5, 4, 16), {picture: row for row, picture in enumerate(PICTURES)})


@torch.inference_mode()
def likelihood(answerer: ModelAnswerer, prompt: str, option: str, row: int) -> float:
    model = answerer.model
    batch = collate([[model.encode(prompt, option, row)]], model.image_token, model.end_token)
    return float(model.target_logprobs(batch, answerer.features).sum())


def test_answers_come_in_the_order_of_the_questions(answerer: ModelAnswerer) -> None:
    asked = questions()[::-1]
    answers = answerer.answer(asked)
    assert [answer.question for answer in answers] == [question.id for question in asked]


def test_options_are_scored_as_one_by_one(answerer: ModelAnswerer) -> None:
    asked = questions()
    for question, answer in zip(asked, answerer.answer(asked), strict=True):
        if not question.options:
            continue
        row = answerer.rows[question.picture]
        expected = [likelihood(answerer, question.prompt, option, row) for option in question.options]
        assert list(answer.logprobs) == pytest.approx(expected, abs=1e-3)
        counts = [len(answerer.model.encode(question.prompt, option).reply) for option in question.options]
        assert list(answer.tokens) == counts
        assert answer.text == ""


def test_priors_are_those_without_a_picture(answerer: ModelAnswerer) -> None:
    asked = questions()
    for question, answer in zip(asked, answerer.answer(asked), strict=True):
        if question.kind != "choice-random":
            assert answer.priors == ()
            continue
        expected = [likelihood(answerer, question.prompt, option, -1) for option in question.options]
        assert list(answer.priors) == pytest.approx(expected, abs=1e-3)
        assert answer.priors != answer.logprobs


def test_recalled_priors_give_the_same_answers(answerer: ModelAnswerer) -> None:
    asked = questions()
    parts = [asked[:6], asked[6:]]
    fresh = ModelAnswerer(answerer.model, answerer.features, answerer.rows)
    first, second = (answerer.answer(part) for part in parts)
    fresh.recall(parts[0], first)
    assert fresh.priors == {key: answerer.priors[key] for key in fresh.priors}
    assert fresh.answer(parts[1]) == second
    assert fresh.meter.tokens < answerer.meter.tokens


def test_captions(answerer: ModelAnswerer) -> None:
    asked = [question for question in questions() if question.kind == "caption"]
    together = answerer.answer(asked)
    assert all(answer.logprobs == () for answer in together)
    assert all("\n" not in answer.text for answer in together)
    alone = [answerer.answer([question])[0] for question in asked]
    assert together == alone
    assert answerer.meter.flops > 0


def test_nothing_is_asked(answerer: ModelAnswerer) -> None:
    assert answerer.answer([]) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [("Un merle.", "Un merle."), ("\n Un merle. \nIl chante.", "Un merle."), ("", ""), (" \n ", ""), ("a\r\nb", "a")],
)
def test_first_line(text: str, line: str) -> None:
    assert first_line(text) == line


class Recorder:
    """Answers with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.recalled: list[Question] = []

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        self.asked += questions
        return [Answer(q.id, text="" if q.options else f"said {q.prompt}") for q in questions]

    def recall(self, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
        self.recalled += questions


class Shout:
    """Translates by capitals."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def translate(self, texts: Sequence[str]) -> list[str]:
        self.texts += texts
        return [text.upper() for text in texts]


def test_prompted_asks_for_the_language() -> None:
    inner = Recorder()
    prompted = PromptedAnswerer(inner, "Answer in French.")
    answers = prompted.answer(questions())
    prompted.recall(questions(), answers)
    assert [q.prompt for q in inner.asked] == [f"{q.prompt} Answer in French." for q in questions()]
    assert [q.options for q in inner.asked] == [q.options for q in questions()]
    assert inner.recalled == inner.asked


def test_the_pipeline_goes_by_way_of_english() -> None:
    inner, back = Recorder(), Shout()

    def into_english(asked: Sequence[Question]) -> list[Question]:
        return [replace(q, prompt=f"en {q.prompt}", options=tuple(f"en {o}" for o in q.options)) for q in asked]

    pipeline = PipelineAnswerer(inner, into_english, back)  # type: ignore[arg-type]
    answers = pipeline.answer(questions())
    pipeline.recall(questions(), answers)
    assert all(q.prompt.startswith("en ") for q in inner.asked)
    assert all(option.startswith("en ") for q in inner.asked for option in q.options)
    assert inner.recalled == inner.asked
    assert back.texts == ["said en Quoi ?"] * 5, "captions only are translated back"
    by_id = {answer.question: answer for answer in answers}
    assert by_id["p0#caption"].text == "SAID EN QUOI ?"
    assert by_id["p0#yes"].text == ""
