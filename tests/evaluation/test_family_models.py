"""Models of any family answer benchmarks: options by likelihood, as a plain forward has it, and in words."""

from __future__ import annotations

import json
import os
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from benchmark_files import write_spots
from families.tiny import build
from passerelle.errors import InputError
from passerelle.evaluation.asking.family_answering import FamilyAnswerer
from passerelle.evaluation.asking.members import LocalModel
from passerelle.evaluation.asking.systems import open_system
from passerelle.evaluation.specification import Named
from passerelle.models.conversing import Encoder
from passerelle.models.pretrained import load_adapted, load_pretrained
from passerelle.models.vision_cache import VisionFeatures
from passerelle.records import Answer, Question

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
OPTIONS = ("a cat", "a red boat", "two")


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_spots(tmp_path_factory.mktemp("picture") / "a.png", 3)


def question(kind: Any, options: tuple[str, ...] = (), picture: str = "a") -> Question:
    return Question("q", kind, picture, "test", "en", "native", "What is this?", options)


def answer(model: LocalModel, asked: Question, picture: Path) -> Answer:
    (said,), bad = model.answer([asked], {"a": picture}, 5)
    assert bad == {}
    return said


def plain_logprob(folder: Path, option: str, picture: Path | None) -> float:
    """Score an option by transformers alone, in one plain forward over pixels."""
    model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    image = [{"type": "image"}] if picture else []
    turns = [{"role": "user", "content": [*image, {"type": "text", "text": "What is this?"}]}]
    turns.append({"role": "assistant", "content": [{"type": "text", "text": option}]})
    text = processor.apply_chat_template(turns, tokenize=False).rstrip()
    bos = processor.tokenizer.bos_token
    images = {"images": [[Image.open(picture).convert("RGB")]]} if picture else {}
    special = not (bos and text.startswith(bos))
    inputs = processor(text=[text], return_tensors="pt", add_special_tokens=special, **images)
    with torch.no_grad():
        logprobs = model(**inputs).logits[0].log_softmax(-1)
    ids = inputs["input_ids"][0]
    # All families of this test end a reply with one token, and a reply starts where its own tokens do.
    reply = processor.tokenizer(text[text.rindex(option) :], add_special_tokens=False)["input_ids"]
    reply = ids[-len(reply) :].tolist()
    first = len(ids) - len(reply)
    return float(sum(logprobs[first + place - 1, token] for place, token in enumerate(reply)))


@pytest.mark.parametrize("family", ["qwen2_vl", "internvl", "gemma3"])
def test_options_get_the_likelihood_that_a_plain_forward_gives(family: str, tmp_path: Path, picture: Path) -> None:
    folder = build(family, tmp_path / family)
    model = LocalModel(load_adapted(folder, dtype="float32"))
    said = answer(model, question("choice", OPTIONS), picture)
    expected = [plain_logprob(folder, option, picture) for option in OPTIONS]
    assert said.logprobs == pytest.approx(expected, abs=1e-3)
    assert said.priors == pytest.approx([plain_logprob(folder, option, None) for option in OPTIONS], abs=1e-3)
    assert max(abs(a - b) for a, b in zip(said.logprobs, said.priors, strict=True)) > 1e-3, "the picture matters"
    assert answer(model, question("yes-no", ("Yes", "No")), picture).priors == ()


@pytest.mark.parametrize("family", ["idefics3", "paligemma", "llava"])
def test_open_questions_get_words(family: str, tmp_path: Path, picture: Path) -> None:
    model = LocalModel(load_adapted(build(family, tmp_path / family), dtype="float32"))
    first, again = (answer(model, question("open"), picture) for _ in range(2))
    assert first == again
    assert first.logprobs == ()


@pytest.mark.parametrize("family", ["llava", "gemma3"])
def test_many_questions_are_answered_as_one_by_one(family: str, tmp_path: Path, picture: Path) -> None:
    pretrained = load_pretrained(build(family, tmp_path / family), dtype="float32")
    pictures = {"a": picture, "b": write_spots(tmp_path / "b.png", 4)}
    parts: list[tuple[Any, tuple[str, ...]]] = [("choice", OPTIONS), ("open", ()), ("yes-no", ("Yes", "No"))]
    asked = [
        Question(f"{kind}{key}{prompt}", kind, key, "test", "en", "native", prompt, options)
        for prompt in ("What is this?", "Is it red, or is it blue?")
        for kind, options in parts
        for key in ("a", "b", "")
    ]

    def answerer() -> FamilyAnswerer:
        return FamilyAnswerer(Encoder(pretrained, 4000), VisionFeatures(pretrained, None), pictures, 5)

    together = answerer()
    answers = together.answer(asked)
    for one, said in zip(asked, answers, strict=True):
        (alone,) = answerer().answer([one])
        assert (said.question, said.text, said.tokens) == (one.id, alone.text, alone.tokens)
        assert said.logprobs == pytest.approx(alone.logprobs, abs=1e-3)
        assert said.priors == pytest.approx(alone.priors, abs=1e-3)
        assert len(said.priors) == (3 if one.kind == "choice" else 0)
    assert len({said.logprobs for said in answers}) > 10
    fresh = answerer()
    fresh.recall(asked, answers)
    assert fresh.priors == together.priors
    assert [said.priors for said in fresh.answer(asked)] == [said.priors for said in answers]
    assert fresh.meter.tokens < together.meter.tokens, "what is known isn't computed again"
    assert answerer().answer([]) == []


def test_a_folder_an_adapter_and_their_methods(tmp_path: Path, picture: Path) -> None:
    from peft import LoraConfig, get_peft_model

    folder = build("qwen2_vl", tmp_path / "model")
    base: Any = AutoModelForImageTextToText.from_pretrained(folder)
    config = LoraConfig(r=2, target_modules=r".*language_model.*q_proj", init_lora_weights=False)
    get_peft_model(base, config).save_pretrained(tmp_path / "adapter")
    systems = [str(folder), str(tmp_path / "adapter"), f"prompted:{folder}"]
    found = [open_system(Named("x", what)) for what in systems]
    # As `passerelle adapt` leaves it: the adapter is inside.
    shutil.copytree(tmp_path / "adapter", tmp_path / "run" / "adapter")
    inside = open_system(Named("x", str(tmp_path / "run")))
    assert [member.signature for member in inside.members] == [member.signature for member in found[1].members]
    (signatures,) = zip(*[[member.signature for member in system.members] for system in found], strict=True)
    assert len(set(signatures)) == 3
    plain, adapted, prompted = ([m.open() for m in system.members][0] for system in found)
    asked = question("choice", OPTIONS)
    by_each = [answer(model, asked, picture).logprobs for model in (plain, adapted)]  # type: ignore[arg-type]
    assert by_each[0] != by_each[1]
    french = Question("q", "choice", "a", "test", "fr", "native", "Qu'est-ce que c'est ?", OPTIONS)
    assert answer(prompted, french, picture).logprobs != answer(plain, french, picture).logprobs  # type: ignore[arg-type]


@pytest.mark.parametrize("family", ["qwen2_vl", "llava_next"])
def test_a_picture_that_the_processor_refuses_is_no_answer(family: str, tmp_path: Path, picture: Path) -> None:
    Image.new("RGB", (4, 1200)).save(tmp_path / "thin.png")
    model = LocalModel(load_pretrained(build(family, tmp_path / family), dtype="float32"))
    pictures = {"a": picture, "thin": tmp_path / "thin.png"}
    asked = [question("open", picture=key) for key in ("a", "thin")] + [question("choice", OPTIONS, "thin")]
    answers, bad = model.answer(asked, pictures, 3)
    if family == "qwen2_vl":
        assert len(answers) == 1
        assert "processor refuses it: absolute aspect ratio must be smaller than 200" in bad["thin"]
    else:
        assert (len(answers), bad) == (3, {})


def test_whatever_can_change_an_answer_changes_the_signature(tmp_path: Path) -> None:
    folder = build("qwen2_vl", tmp_path / "model")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(folder)}))
    (adapter / "adapter_model.safetensors").write_bytes(b"1")

    def signatures() -> list[str]:
        systems = [open_system(Named("x", str(where))) for where in (folder, adapter)]
        return [member.signature for system in systems for member in system.members]

    seen = [signatures()]
    assert seen[0] == signatures()
    names = {path.name for path in folder.iterdir()}
    assert {"chat_template.jinja", "config.json", "generation_config.json", "tokenizer.json"} <= names
    for name in sorted(names):
        path = folder / name
        before = path.stat()
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # of the same size and time, too
        seen.append(signatures())
    (adapter / "adapter_model.safetensors").write_bytes(b"2")
    seen.append(signatures())
    assert all(one[1] != other[1] for one, other in pairwise(seen)), "a base's file changes its adapters' signature"
    assert len({plain for plain, _ in seen}) == len(names) + 1
    (folder / "README.md").write_text("a card", encoding="utf-8")
    assert signatures() == seen[-1]


def test_a_name_on_the_hub(tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models--someone--tiny"
    build("llava", folder / "snapshots" / "c0ffee")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("c0ffee")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    (plain,), (prompted,) = (open_system(Named("x", w)).members for w in ("someone/tiny", "prompted:someone/tiny"))
    assert plain.signature.startswith("c0ffee-") and plain.signature != prompted.signature
    assert answer(plain.open(), question("choice", OPTIONS), picture).logprobs  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no folder 'someone/else', and no model of this name can be had"):
        open_system(Named("x", "someone/else"))


def test_an_adapter_whose_base_is_gone(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(
        '{"peft_type": "LORA", "base_model_name_or_path": "/nowhere", "task_type": "CAUSAL_LM"}', encoding="utf-8"
    )
    with pytest.raises(InputError, match="'/nowhere'"):
        load_adapted(tmp_path)
