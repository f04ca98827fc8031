"""A real vLLM: pictures, an adapter of ours, likelihoods and a whole saved model answer there as they do here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vllm_server
from families.no_torchvision import do_without
from passerelle.adaptation.saving import save_adapter, save_model
from passerelle.adaptation.settings import StageSettings
from passerelle.adaptation.stages import attach
from passerelle.evaluation.asking.systems import forget_loaded, open_system
from passerelle.evaluation.specification import Named
from passerelle.models.pretrained import load_pretrained
from passerelle.records import Answer, Question

pytest.importorskip("httpx")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1000),
    pytest.mark.usefixtures("empty_cache"),
    pytest.mark.skipif(bool(vllm_server.is_missing()), reason=vllm_server.is_missing()),
]
COLOURS = ((200, 0, 0), (0, 0, 200))
OPTIONS = ("oui", "non, rien", "un été où il pleut")
PROMPT = "Est-ce un chat ?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen2-VL, and an adapter on it whose weights are random."""
    import torch

    do_without()
    folder = tmp_path_factory.mktemp("vllm")
    base = vllm_server.widened("qwen2_vl", folder / "base")
    pretrained = load_pretrained(str(base), dtype="float32")
    how = {"how": "lora", "learning_rate": 0.01, "rank": 8}
    attach(pretrained, StageSettings.model_validate({"name": "training", "train": {"language": how}}), 0)
    with torch.no_grad():
        for name, weight in pretrained.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.05)
    save_adapter(pretrained, folder / "adapter", str(base))
    return folder


@pytest.fixture(scope="module")
def url(made: Path) -> Iterator[str]:
    loaded = ["--enable-lora", "--max-lora-rank", "8", "--lora-modules", f"ours={made / 'adapter'}"]
    with vllm_server.serving(made / "base", made / "vllm.log", loaded) as found:
        yield found


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for number, colour in enumerate(COLOURS):
        found[str(number)] = tmp_path / f"{number}.png"
        Image.new("RGB", (60, 40), colour).save(found[str(number)])
    return found


def asked() -> list[Question]:
    plain = ("test", "fr", "native")
    opened = [Question(f"open {number}", "open", number, *plain, "Quoi ?") for number in "01"]
    chosen = [Question(f"choice {number}", "choice", number, *plain, PROMPT, options=OPTIONS) for number in "01"]
    return [*opened, *chosen]


def answers(specification: str, pictures: dict[str, Path]) -> list[Answer]:
    (opener,) = open_system(Named("m", specification)).members
    try:
        found, bad = opener.open().answer(asked(), pictures, 12)
    finally:
        forget_loaded()
    assert not bad
    return found


def said(answer: Answer) -> str:
    """Return an answer's words without half a letter at the end, which a server leaves out."""
    return answer.text.rstrip("\ufffd").strip()


def same(one: list[Answer], other: list[Answer]) -> bool:
    """Whether words are equal, and likelihoods within the rounding of fp32."""
    close: Any = pytest.approx
    return all(
        said(a) == said(b)
        and a.tokens == b.tokens
        and a.logprobs == close(b.logprobs, abs=2e-3)
        and a.priors == close(b.priors, abs=2e-3)
        for a, b in zip(one, other, strict=True)
    )


def test_answers_and_likelihoods_are_those_of_the_model_in_process(
    made: Path, url: str, pictures: dict[str, Path]
) -> None:
    found = {name: answers(f"openai:{name}@{url}", pictures) for name in ("base", "ours")}
    for name, folder in (("base", made / "base"), ("ours", made / "adapter")):
        here = answers(str(folder), pictures)
        assert same(found[name], here)
    assert not any(same([a], [b]) for a, b in zip(found["base"], found["ours"], strict=True)), "the adapter acts"


def test_a_whole_model_that_was_saved_here_is_served(tmp_path: Path, pictures: dict[str, Path]) -> None:
    do_without()
    base = vllm_server.widened("llava", tmp_path / "base")
    whole = save_model(load_pretrained(str(base), dtype="float32"), tmp_path / "whole")
    with vllm_server.serving(whole, tmp_path / "vllm.log") as place:
        # Its template begins without the tokenizer's first token, which vLLM adds only where it is told to.
        found = answers(f"openai{{extra_body: {{add_special_tokens: true}}}}:whole@{place}", pictures)
    here = answers(str(whole), pictures)
    assert [said(a) for a in found[:2]] == [said(a) for a in here[:2]] and said(found[0]) != said(found[1])
    # It ends no reply either, so that an option's end can't count there as it does here.
    assert all(len(answer.logprobs) == len(OPTIONS) for answer in found[2:])
