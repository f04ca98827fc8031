"""On a GPU likelihoods and replies are a CPU's, and trees give what rows give; without one, see `tests/conftest.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_layouts import conversations, encoded
from test_replying import conversations as questions

from benchmark_files import write_spots
from families.tiny import FAMILIES, NO_TREES, build
from passerelle.evaluation.asking.members import LocalModel
from passerelle.evaluation.asking.systems import forget_loaded, open_system
from passerelle.evaluation.specification import Named
from passerelle.models.batches import layout_logprobs
from passerelle.models.conversing import Encoder
from passerelle.models.layouts import merged, padded
from passerelle.models.pretrained import DtypeName, PretrainedModel, load_pretrained
from passerelle.models.replying import reply
from passerelle.models.running_batch import held_tokens
from passerelle.models.vision_cache import VisionFeatures
from passerelle.records import Question

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    return [write_spots(folder / f"{seed}.png", seed) for seed in (5, 6, 7)]


def likelihoods(pretrained: PretrainedModel, pictures: list[Path], *, trees: bool) -> torch.Tensor:
    rows = encoded(pretrained, conversations(*pictures[:2]))
    vision = VisionFeatures(pretrained, None)
    vision.prepare([row.images for row in rows])
    layout = merged(pretrained, rows, [range(len(rows))]) if trees else padded(pretrained, rows)
    with torch.inference_mode():
        return layout_logprobs(pretrained, vision, layout).float().cpu()


@pytest.mark.parametrize("family", FAMILIES)
def test_likelihoods_are_those_of_a_cpu_and_trees_give_what_rows_give(
    family: str, tmp_path: Path, pictures: list[Path]
) -> None:
    folder = build(family, tmp_path / family)

    def loaded(dtype: DtypeName, device: str) -> PretrainedModel:
        pretrained = load_pretrained(folder, dtype=dtype, device=device)
        text = pretrained.bare.config.get_text_config()
        text.sliding_window = getattr(text, "sliding_window", None) and 4096  # as the real models have it
        return pretrained

    expected = likelihoods(loaded("float32", "cpu"), pictures, trees=False)
    exact, half = loaded("float32", DEVICE), loaded("bfloat16", DEVICE)
    torch.testing.assert_close(likelihoods(exact, pictures, trees=False), expected, rtol=0, atol=2e-3)
    apart = (likelihoods(half, pictures, trees=False) - expected).abs()
    assert apart.mean() < 0.1 and apart.max() < 1.0
    if family not in NO_TREES:
        torch.testing.assert_close(likelihoods(exact, pictures, trees=True), expected, rtol=0, atol=2e-3)
        apart = (likelihoods(half, pictures, trees=True) - expected).abs()
        assert apart.mean() < 0.1 and apart.max() < 1.0


def test_a_model_that_is_examined_answers_on_the_gpu(tmp_path: Path, pictures: list[Path]) -> None:
    (opener,) = open_system(Named("tiny", str(build("llava", tmp_path / "llava")))).members
    member = opener.open()
    assert isinstance(member, LocalModel) and member.pretrained.device.type == DEVICE
    open_one = Question("1", "open", "spots", "tiny", "en", "native", "What is this?")
    choice = replace(open_one, kind="options", options=("A cat.", "A dog."))
    answers, bad = member.answer([open_one, choice], {"spots": pictures[0]}, 5)
    assert not bad and answers[0].text and len(answers[1].logprobs) == 2
    forget_loaded()


@pytest.mark.parametrize("family", FAMILIES)
def test_replies_at_once_are_those_of_one_by_one(family: str, tmp_path: Path, pictures: list[Path]) -> None:
    pretrained = load_pretrained(build(family, tmp_path / family), dtype="float32", device=DEVICE)
    pretrained.bare.generation_config.repetition_penalty = 4.0
    assert (held_tokens(pretrained) > 4096) is (DEVICE == "cuda")
    encoder, vision = Encoder(pretrained, 4000), VisionFeatures(pretrained, None)
    talks = questions(pictures)
    vision.prepare([talk.images for talk in talks])
    alone = [reply(encoder, vision, [talk], 10)[0] for talk in talks]
    assert len(set(alone)) >= 4
    assert reply(encoder, vision, talks, 10) == alone
