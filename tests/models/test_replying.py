"""Conversations that are answered at once get the replies that they get one by one, in every family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from benchmark_files import write_spots
from families.tiny import FAMILIES, IN_A_GRID, NO_TREES, load
from passerelle.costs.flops import FlopMeter
from passerelle.formats.conversations import Conversation, Message
from passerelle.models import replying, shared_prefix
from passerelle.models.conversing import Encoder
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.replying import reply
from passerelle.models.running_batch import RunningBatch, can_run
from passerelle.models.vision_cache import VisionFeatures

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
QUESTIONS = ("What is this?", "Is it red?", "What can be seen in this picture, and where is it?")
TOKENS = 8
# Places in a grid, no trees, a window of eight tokens: these are answered batch by batch.
IN_BATCHES = (*IN_A_GRID, *NO_TREES, "aya_vision")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    found = [write_spots(folder / f"{seed}.png", seed) for seed in (5, 6)]
    Image.open(found[1]).resize((50, 90)).save(found[1])
    return found


def asked(question: str, *images: Path) -> Conversation:
    marks: tuple[Any, ...] = (None,) * len(images)
    return Conversation("", (Message("user", (*marks, question)),), images, "en", "native")


def conversations(pictures: list[Path]) -> list[Conversation]:
    found = [asked(question, path) for path in pictures for question in QUESTIONS]
    return [asked(QUESTIONS[0]), *found, asked(QUESTIONS[1], *pictures), asked(QUESTIONS[2])]


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many rows each call of `generate` had."""
    rows: list[int] = []
    inner = replying._generate

    def generate(pretrained: Any, vision: Any, prompts: Any, tokens: int) -> list[str]:
        rows.append(len(prompts))
        return inner(pretrained, vision, prompts, tokens)

    monkeypatch.setattr(replying, "_generate", generate)
    yield rows


def loaded(family: str) -> PretrainedModel:
    pretrained = load(family)
    # Of padding that takes part in it a penalty would make other replies; it makes them less alike, too.
    pretrained.bare.generation_config.repetition_penalty = 4.0
    return pretrained


@pytest.mark.parametrize("family", FAMILIES)
def test_replies_are_those_of_one_by_one(
    family: str, pictures: list[Path], batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained = loaded(family)
    encoder, vision = Encoder(pretrained, 4000), VisionFeatures(pretrained, None)
    talks = conversations(pictures)
    vision.prepare([talk.images for talk in talks])
    alone = [reply(encoder, vision, [talk], TOKENS)[0] for talk in talks]
    assert len(set(alone)) >= 4, "they depend on question and picture"
    del batches[:]
    assert reply(encoder, vision, talks, TOKENS) == alone
    assert can_run(pretrained, 500) is (family not in IN_BATCHES)
    if can_run(pretrained, 500):
        assert not batches
        return
    assert sorted(batches) == [2, 7], "those without a picture, and those with one"
    del batches[:]
    widest = max(encoder.prompt(talk)[0]["input_ids"].shape[1] for talk in talks) + TOKENS
    monkeypatch.setattr(replying, "BATCH_TOKENS", 3 * widest)
    meter = FlopMeter()
    assert reply(encoder, vision, talks[::-1], TOKENS, meter) == alone[::-1]
    assert 2 < len(batches) < len(talks) and meter.calls == len(batches) and meter.flops > 0


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - set(IN_BATCHES)))
def test_rows_that_have_ended_make_room_for_others(
    family: str, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained = loaded(family)
    words = pretrained.bare.config.get_text_config().vocab_size
    encoder, vision = Encoder(pretrained, 4000), VisionFeatures(pretrained, None)
    talks = conversations(pictures)
    vision.prepare([talk.images for talk in talks])
    # Every fourth token ends an answer, or every third, …, so that lengths differ: what a random model says depends on
    # the documentation, from which its tokens are made.
    for start, every in ((0, 4), (1, 4), (2, 4), (3, 4), (0, 6), (1, 6), (0, 3), (1, 3)):
        pretrained.bare.generation_config.eos_token_id = list(range(start, words, every))
        alone = [reply(encoder, vision, [talk], TOKENS)[0] for talk in talks]
        if len({len(encoder.pretrained.tokenizer(said)["input_ids"]) for said in alone}) >= 3:
            break
    else:
        pytest.fail("all answers are of two lengths at most")
    lengths = [encoder.prompt(talk)[0]["input_ids"].shape[1] for talk in talks]
    there, computed = [], []
    add = RunningBatch.add

    def adding(running: RunningBatch, *given: Any) -> Any:
        there.append(len(running.rows))
        computed.append(add(running, *given))
        return computed[-1]

    monkeypatch.setattr(RunningBatch, "add", adding)
    monkeypatch.setattr(shared_prefix, "BATCH_NODES", 1)  # one picture after the other
    monkeypatch.setattr(replying, "BATCH_TOKENS", 12 * (max(lengths) + TOKENS))
    meter = FlopMeter()
    assert reply(encoder, vision, talks, TOKENS, meter) == alone
    assert len(there) >= 3 and any(there[1:]), "some come in while others go on"
    assert sum(computed) < 0.9 * sum(lengths), "what questions about a picture share is computed once"
    assert meter.tokens > sum(computed) and meter.flops > 0


def test_settings_that_count_from_the_beginning_are_kept() -> None:
    pretrained = loaded("llava")
    assert can_run(pretrained, 500)
    pretrained.bare.generation_config.min_new_tokens = 3
    assert not can_run(pretrained, 500)


def test_a_model_of_no_known_family_is_asked_one_by_one(pictures: list[Path], batches: list[int]) -> None:
    pretrained = loaded("llava")
    unknown = replace(pretrained, family=pretrained.family.model_copy(update={"detected": True}))
    vision = VisionFeatures(unknown, None)
    talks = conversations(pictures)
    vision.prepare([talk.images for talk in talks])
    said = reply(Encoder(unknown, 4000), vision, talks, TOKENS)
    assert batches == [1] * len(talks)
    assert said == reply(Encoder(pretrained, 4000), vision, talks, TOKENS)


def test_nothing_is_asked() -> None:
    pretrained = loaded("llava")
    assert reply(Encoder(pretrained, 4000), VisionFeatures(pretrained, None), [], TOKENS) == []


def test_rows_are_filled_up_on_the_left_with_a_token_of_their_own_that_isnt_seen() -> None:
    short, long = (torch.tensor([tokens]) for tokens in ([8, 9], [4, 5, 6, 7]))
    prompts = [
        replying._Prompt({"input_ids": ids, "attention_mask": torch.ones_like(ids)}, ()) for ids in (short, long)
    ]
    made = replying._padded(prompts)
    assert made["input_ids"].tolist() == [[9, 9, 8, 9], [4, 5, 6, 7]]
    assert made["attention_mask"].tolist() == [[0, 0, 1, 1], [1, 1, 1, 1]]
