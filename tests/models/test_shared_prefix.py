"""Options on a shared beginning get the likelihood that whole rows give, in every family."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark_files import write_spots
from families.tiny import FAMILIES, NO_TREES, RECURRENT, load
from passerelle.costs.flops import FlopMeter
from passerelle.formats.conversations import Conversation, Message
from passerelle.models import shared_prefix
from passerelle.models.batches import target_logprobs
from passerelle.models.conversing import Encoded, Encoder
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.shared_prefix import option_logprobs, reply_logprobs, shared_tokens
from passerelle.models.vision_cache import VisionFeatures

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
OPTIONS = ("a cat", "a cat on a boat", "two", "a red balloon in the sky over the town")


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_spots(tmp_path_factory.mktemp("picture") / "a.png", 5)


def rows_of(
    pretrained: PretrainedModel,
    picture: Path | None,
    options: tuple[str, ...] = OPTIONS,
    question: str = "What is this?",
) -> list[Encoded]:
    encoder = Encoder(pretrained, 4000)
    images = (picture,) if picture else ()
    marks: tuple[Any, ...] = (None,) * len(images)
    rows = []
    for option in options:
        messages = (Message("user", (*marks, question)), Message("assistant", (option,)))
        rows += encoder(Conversation("", messages, images, "en", "native"))
    return rows


def plain(pretrained: PretrainedModel, vision: VisionFeatures, row: Encoded) -> float:
    with torch.inference_mode():
        return float(target_logprobs(pretrained, vision, [row]).sum())


@pytest.mark.parametrize("family", FAMILIES)
def test_they_get_what_whole_rows_give(family: str, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrained = load(family)
    vision = VisionFeatures(pretrained, None)
    vision.prepare([(picture,)])
    for shown in (picture, None):
        rows = rows_of(pretrained, shown)
        expected = [plain(pretrained, vision, row) for row in rows]
        if pretrained.family.shares_prefix:
            whole: list[int] = []
            monkeypatch.setattr(shared_prefix, "target_logprobs", lambda *given, whole=whole: whole.append(1))
            found = reply_logprobs(pretrained, vision, rows)
            monkeypatch.undo()
            assert whole == [], "the beginning is shared"
            assert shared_tokens(rows) > len(rows[0]) / 2
        else:
            found = reply_logprobs(pretrained, vision, rows)
        assert found == pytest.approx(expected, abs=2e-4)
        again = reply_logprobs(pretrained, vision, rows[::-1])
        assert again[::-1] == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("family", RECURRENT)
def test_layers_that_keep_one_state_answer_otherwise_where_rows_share_their_beginning(
    family: str, picture: Path
) -> None:
    pretrained = load(family)
    vision = VisionFeatures(pretrained, None)
    vision.prepare([(picture,)])
    rows = rows_of(pretrained, picture, ("a cat, a dog and a bird", "two", "a red balloon"))
    expected = [plain(pretrained, vision, row) for row in rows]
    assert not pretrained.family.shares_prefix
    (found,) = option_logprobs(pretrained, vision, [rows], FlopMeter())
    assert found == pytest.approx(expected, abs=2e-4)
    # In a tree the state has the other options in it: a mask keeps nothing out of it.
    sharing = replace(pretrained, family=pretrained.family.model_copy(update={"shares_prefix": True}))
    (shared,) = option_logprobs(sharing, vision, [rows], FlopMeter())
    assert shared[0] == pytest.approx(expected[0], abs=2e-4)
    assert min(abs(one - other) for one, other in zip(shared[1:], expected[1:], strict=True)) > 0.01


def test_the_beginning_ends_where_rows_differ_or_a_reply_begins() -> None:
    pretrained = load("llava")
    alike = rows_of(pretrained, None, ("a cat", "a cat"))
    first = int((alike[0].labels != -100).nonzero()[0, 0])
    assert shared_tokens(alike) == first
    other = rows_of(pretrained, None, ("a cat", "two"))
    assert shared_tokens(other) == first
    assert reply_logprobs(pretrained, VisionFeatures(pretrained, None), other[:1]) == pytest.approx(
        [plain(pretrained, VisionFeatures(pretrained, None), other[0])], abs=1e-4
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_many_questions_get_what_whole_rows_give(
    family: str, tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained = load(family)
    other = write_spots(tmp_path / "b.png", 8)
    vision = VisionFeatures(pretrained, None)
    vision.prepare([(picture,), (other,)])
    asked = [(path, text) for text in ("What is this?", "Is it?") for path in (picture, None, other)]
    questions = [rows_of(pretrained, path, ("Yes", "No", "a red balloon"), text) for path, text in asked]
    expected = [[plain(pretrained, vision, row) for row in rows] for rows in questions]
    meter = FlopMeter()
    trees = family not in (*NO_TREES, "aya_vision")  # the tiny Aya Vision sees eight tokens back
    for nodes in (shared_prefix.BATCH_NODES, 40):
        monkeypatch.setattr(shared_prefix, "BATCH_NODES", nodes)
        monkeypatch.setattr(shared_prefix, "TREE_NODES", nodes // 4)
        found = option_logprobs(pretrained, vision, questions, meter)
        for values, wanted in zip(found, expected, strict=True):
            assert values == pytest.approx(wanted, abs=2e-4)
        if nodes > 40 and trees:
            assert meter.calls == 1, "all at once"
            assert meter.tokens < 0.6 * sum(len(row) for rows in questions for row in rows)
    assert option_logprobs(pretrained, vision, [], meter) == []
