"""Rows merged into trees get the likelihoods that they get one by one, in every family, for fewer tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark_files import write_spots
from families.tiny import FAMILIES, NO_TREES, load
from passerelle.formats.conversations import Conversation, Message
from passerelle.models import layouts
from passerelle.models.batches import layout_logprobs, target_logprobs
from passerelle.models.conversing import IGNORED, Encoded, Encoder
from passerelle.models.layouts import Layout, follows_trees, grow, lay_out, merged, pack, padded
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.vision_cache import VisionFeatures

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

TEXT: tuple[Path, ...] = ()


def talk(images: tuple[Path, ...], *turns: str, between: str = "") -> Conversation:
    """Return a conversation of questions and replies in turns, its pictures first."""
    marks: list[Any] = [part for _ in images for part in (None, between)] if between else [None] * len(images)
    first = Message("user", (*marks, turns[0]))
    rest = [Message("user" if index % 2 else "assistant", (said,)) for index, said in enumerate(turns[1:])]
    return Conversation("", (first, *rest), images, "en", "native")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    return write_spots(folder / "a.png", 5), write_spots(folder / "b.png", 6)


def conversations(one: Path, other: Path) -> list[Conversation]:
    return [
        talk((one,), "What is this?", "A cat on a boat."),
        talk((other,), "What is this?", "A cat on a boat."),
        talk(TEXT, "What is this?", "Two."),
        talk((one,), "What is this?", "A cat"),
        talk((one,), "What colour is it?", "Red.", "And the boat?", "It is blue, as the sky is."),
        talk((one,), "What is this?", "A cat on a boat."),
        talk((one, other), "Which is larger?", "The first."),
        talk((one, other), "Which is larger?", "The second."),
        talk((other, one), "Which is larger?", "The first."),
        talk((one, other), "Which is larger?", "The first.", between="and"),
    ]


def encoded(pretrained: PretrainedModel, talks: list[Conversation]) -> list[Encoded]:
    encoder = Encoder(pretrained, 20_000)
    return [row for conversation in talks for row in encoder(conversation)]


def widen_window(pretrained: PretrainedModel) -> None:
    """Give a model that attends within a window one as wide as the real models have."""
    text = pretrained.bare.config.get_text_config()
    text.sliding_window = getattr(text, "sliding_window", None) and 4096  # as the real models have it


@pytest.mark.parametrize("family", FAMILIES)
def test_layouts_give_what_rows_give_one_by_one(family: str, pictures: tuple[Path, Path]) -> None:
    pretrained = load(family)
    rows = encoded(pretrained, conversations(*pictures))
    widen_window(pretrained)
    assert follows_trees(pretrained, 200) is (family not in NO_TREES)
    vision = VisionFeatures(pretrained, None)
    vision.prepare([row.images for row in rows])
    with torch.inference_mode():
        expected = torch.cat([whole(pretrained, vision, row) for row in rows])
        found = {"padded": layout_logprobs(pretrained, vision, padded(pretrained, rows))}
        if family not in NO_TREES:
            trees = [[[*range(len(rows))]], [[3, 0], [*range(4, len(rows))], [2, 1]]]
            layouts = [merged(pretrained, rows, groups) for groups in trees]
            assert layouts[0].tokens < 0.75 * padded(pretrained, rows).tokens
            found |= {str(layout.tokens): layout_logprobs(pretrained, vision, layout) for layout in layouts}
    for name, logprobs in found.items():
        torch.testing.assert_close(logprobs, expected, rtol=0, atol=2e-4, msg=name)


def mixed(one: Path, other: Path) -> list[Conversation]:
    """Return conversations of other lengths that begin otherwise, pictures among them."""
    long = "A red boat is on the sea, and a cat is in it. "
    return [
        talk((one,), "What is this?", 4 * long),
        talk(TEXT, "Where?", "Here."),
        talk((other,), "Say what it is.", long),
        talk((other, one), "Tell me of both.", 2 * long),
        talk((one,), "Is it red?", "Yes."),
        talk(TEXT, "How many cats are there?", 3 * long),
        talk((other,), "Colour?", "Blue."),
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_rows_give_what_rows_give_one_by_one(family: str, pictures: tuple[Path, Path]) -> None:
    pretrained = load(family)
    rows = encoded(pretrained, mixed(*pictures))
    widen_window(pretrained)
    vision = vision_of(pretrained)
    pretrained.model.requires_grad_(True)
    plain = padded(pretrained, rows)
    if family in NO_TREES:
        assert len(lay_out(pretrained, rows).inputs["input_ids"]) == len(rows), "they can't share"
        return
    layout = merged(pretrained, rows, [[0, 1], [6, 4, 2], [3, 5]])
    with torch.no_grad():
        expected = torch.cat([whole(pretrained, vision, row) for row in rows])
    gradients = []
    for chosen in (plain, layout):
        pretrained.model.zero_grad()
        found = layout_logprobs(pretrained, vision, chosen)
        torch.testing.assert_close(found.detach(), expected, rtol=0, atol=2e-4)
        found.mean().backward()
        gradients.append({n: p.grad.clone() for n, p in pretrained.model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, value in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], value, rtol=1e-3, atol=2e-5, msg=name)


def vision_of(pretrained: PretrainedModel) -> VisionFeatures:
    return VisionFeatures(pretrained, None, {"tower"})


def test_rows_of_mixed_length_are_packed(pictures: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pretrained = load("llava")
    rows = encoded(pretrained, mixed(*pictures))
    monkeypatch.setattr(
        layouts, "_price", lambda model, lines, width, masked=True: lines * width**2
    )  # attention is what costs
    lines, width = lay_out(pretrained, rows).inputs["input_ids"].shape
    assert 1 < lines < len(rows)
    assert width == padded(pretrained, rows).inputs["input_ids"].shape[1]
    monkeypatch.setattr(layouts, "_price", lambda model, lines, width, masked=True: lines * width)
    wide, _ = lay_out(pretrained, rows).inputs["input_ids"].shape
    assert wide == 1, "one tree of all is best where attention costs nothing"


def test_units_are_packed_into_lines_as_wide_as_the_largest() -> None:
    assert pack([[0], [1], [2], [3], [4]], [4, 10, 3, 7, 6]) == [[1], [3, 2], [4, 0]]
    assert pack([[0, 3], [1, 2]], [5, 5]) == [[0, 3], [1, 2]]
    assert pack([[5]], [2]) == [[5]]


def whole(pretrained: PretrainedModel, vision: VisionFeatures, row: Encoded) -> torch.Tensor:
    """Return what transformers itself makes of a row, with nothing left out."""
    inputs: dict[str, Any] = {name: value[None] for name, value in row.tokens.items()} | row.described
    if row.images:
        inputs["mm_encoder_outputs"] = vision.outputs([row.images])
    logits = pretrained.bare(**inputs, use_cache=False).logits[0, :-1]
    learnt = row.labels[1:] != IGNORED
    chosen: torch.Tensor = logits[learnt].log_softmax(-1).gather(1, row.labels[1:][learnt][:, None])[:, 0]
    return chosen


def test_targets_are_in_the_order_of_rows_not_of_lines() -> None:
    pretrained = load("llava")
    rows = encoded(pretrained, [talk(TEXT, "What is this?", "A cat."), talk(TEXT, "Where is it?", "Here.")])
    vision = VisionFeatures(pretrained, None)
    with torch.inference_mode():
        expected = torch.cat([whole(pretrained, vision, row) for row in rows])
        found = layout_logprobs(pretrained, vision, merged(pretrained, rows, [[1], [0]]))
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-4)


@pytest.mark.parametrize("family", ["llava", "qwen3_vl"])
def test_gradients_are_the_same(family: str, pictures: tuple[Path, Path]) -> None:
    pretrained = load(family)
    rows = encoded(pretrained, conversations(*pictures))
    pretrained.model.requires_grad_(True)

    def gradients(layout: Layout) -> dict[str, torch.Tensor]:
        pretrained.model.zero_grad()
        layout_logprobs(pretrained, VisionFeatures(pretrained, None, {"tower"}), layout).mean().backward()
        return {n: p.grad.clone() for n, p in pretrained.model.named_parameters() if p.grad is not None}

    plain, shared = (gradients(layout) for layout in (padded(pretrained, rows), merged(pretrained, rows, [range(10)])))
    assert plain.keys() == shared.keys()
    for part in ("tower", "projector", "language"):
        assert any(
            pretrained.family.part_of(name) == part and value.abs().max() > 1e-5 for name, value in plain.items()
        )
    for name, value in plain.items():
        torch.testing.assert_close(shared[name], value, rtol=1e-3, atol=1e-5, msg=name)


def test_the_cheapest_layout_is_taken(pictures: tuple[Path, Path]) -> None:
    pretrained = load("llava")
    text = pretrained.bare.config.get_text_config()
    text.hidden_size, text.intermediate_size = 2048, 8192  # what weights cost, against attention
    one, other = pictures
    questions = ["What is this?", "Is it red?", "Where is it?"]
    rows = encoded(pretrained, [talk((path,), question, "No") for path in pictures for question in questions])
    side_by_side = padded(pretrained, rows)
    together = lay_out(pretrained, rows)
    assert together.inputs["input_ids"].shape[0] == 1, "short rows fit into one tree"
    assert together.shown == [(one,), (other,)], "each picture is there once"
    assert together.tokens < 0.75 * side_by_side.tokens
    assert target_logprobs(pretrained, VisionFeatures(pretrained, None, {"tower"}), rows).isfinite().all()

    long = "It is a long story. " * 400
    apart = lay_out(pretrained, encoded(pretrained, [talk((path,), "What is this?", long) for path in pictures]))
    assert apart.inputs["input_ids"].shape[0] == 2, "an attention over both would cost more than what they share"

    same = [talk((path,), f"{long} {question}", "No") for path in pictures for question in questions]
    by_picture = lay_out(pretrained, encoded(pretrained, same))
    assert by_picture.inputs["input_ids"].shape[0] == 2, "a tree for each picture"

    texts = encoded(pretrained, [talk(TEXT, f"{question} {long}", said) for question in "ab" for said in ("No", "Yes")])
    chosen = lay_out(pretrained, texts, [[0, 1], [2, 3]])
    assert chosen.inputs["input_ids"].shape[0] == 2, "the trees that were asked for cost least"


def test_llama_4s_lines_stay_short_of_where_it_weighs_queries_by_their_place_in_the_line(
    pictures: tuple[Path, Path],
) -> None:
    pretrained = load("llama4")
    rows = encoded(pretrained, [talk(pictures[:1], "What is this?", said) for said in ("A cat", "A dog", "Two boats")])
    text = pretrained.bare.config.get_text_config()
    assert len(lay_out(pretrained, rows).inputs["input_ids"]) == 1, "one tree"
    width = merged(pretrained, rows, [range(3)]).inputs["input_ids"].shape[1]
    text.floor_scale = width
    assert len(lay_out(pretrained, rows).inputs["input_ids"]) == 3
    text.floor_scale, text.attention_chunk_size = 8192, 40
    assert follows_trees(pretrained, 39) and not follows_trees(pretrained, 40)


def test_trees_grow_up_to_a_size(pictures: tuple[Path, Path]) -> None:
    pretrained = load("llava")
    rows = encoded(
        pretrained, [talk(pictures[:1], "What is this?", said) for said in ("A cat", "A dog", "Two red boats")]
    )
    length = merged(pretrained, rows[:1], [[0]]).tokens
    both = merged(pretrained, rows[:2], [[0, 1]]).tokens
    assert grow(rows, pretrained.image_token, 10_000) == [(merged(pretrained, rows, [[0, 1, 2]]).tokens, [0, 1, 2])]
    assert both < 2 * length
    assert grow(rows[:2], pretrained.image_token, 0) == [(both, [0, 1])], "they add less than the first one has"
    far = encoded(pretrained, [talk(TEXT, "Is it? " * 40, "No"), talk(TEXT, "Where, then? " * 60, "Here")])
    assert [indices for _, indices in grow(far, pretrained.image_token, 10)] == [[0], [1]]
    assert grow([], pretrained.image_token, 10) == []


def test_what_predicts_nothing_is_left_out(pictures: tuple[Path, Path]) -> None:
    pretrained = load("llava")
    (row,) = encoded(pretrained, [talk(pictures[:1], "What is this?", "A cat")])
    layout = lay_out(pretrained, [row])
    ends = int((row.labels != IGNORED).nonzero()[-1, 0])
    assert layout.inputs["input_ids"][0].tolist() == row.tokens["input_ids"][:ends].tolist()
    assert layout.targets[-1] == row.tokens["input_ids"][ends]
    assert layout.tokens == ends < len(row)


@pytest.mark.parametrize("family", [*NO_TREES, "llava"])
def test_trees_are_for_causal_attention_without_a_window(family: str) -> None:
    pretrained = load(family)
    assert follows_trees(pretrained, 50) is (family == "llava")
    text = pretrained.bare.config.get_text_config()
    text.sliding_window = 40
    assert follows_trees(pretrained, 50) is False
    text.sliding_window, text._attn_implementation = 4096, "eager"
    assert follows_trees(pretrained, 50) is False
