"""Safetensors files of a checkpoint: what is read, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from passerelle.errors import InputError
from passerelle.models.merging.weight_files import INDEX, SINGLE_FILE, WeightFiles, pattern_in_files

WEIGHTS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([1.5], dtype=torch.bfloat16), "c": torch.ones(0, 2)}
PLACES = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    for name, file in PLACES.items():
        save_file({name: WEIGHTS[name]}, tmp_path / file, metadata={"format": "pt"})
    write_index(tmp_path, PLACES)
    return tmp_path


def write_index(folder: Path, places: object) -> None:
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 26}, "weight_map": places}))


def test_one_file(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / SINGLE_FILE, metadata={"format": "pt"})
    files = WeightFiles(tmp_path)
    assert files.files == [SINGLE_FILE]
    assert not files.indexed
    content = (tmp_path / SINGLE_FILE).read_bytes()
    for name, tensor in WEIGHTS.items():
        entry = files[name]
        assert torch.equal(files.read(name), tensor)
        assert entry.shape == tuple(tensor.shape)
        assert content[entry.start : entry.end] == tensor.flatten().view(torch.uint8).numpy().tobytes()
    assert files["b"].dtype == "BF16"


def test_shards(sharded: Path) -> None:
    files = WeightFiles(sharded)
    assert files.indexed
    assert files.files == sorted(PLACES.values())
    assert {name: entry.file for name, entry in files.entries.items()} == PLACES
    assert torch.equal(files.read("b"), WEIGHTS["b"])


def test_one_file_goes_before_an_index(sharded: Path) -> None:
    """transformers loads it in this order too."""
    save_file({"d": torch.ones(1)}, sharded / SINGLE_FILE)
    assert list(WeightFiles(sharded).entries) == ["d"]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("pytorch_model.bin", r"holds its weights as 'pytorch_model.bin', a pickle, which may run code"),
        ("adapter_model.safetensors", r"holds an adapter, not a whole model: merge it into its base"),
        ("config.json", r"holds neither model.safetensors nor model.safetensors.index.json"),
    ],
)
def test_a_folder_without_weights(tmp_path: Path, file: str, message: str) -> None:
    (tmp_path / file).write_bytes(b"{}")
    with pytest.raises(InputError, match=message):
        WeightFiles(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder '.*none'"):
        WeightFiles(tmp_path / "none")


@pytest.mark.parametrize("file", ["../outside.safetensors", "/etc/passwd", "part/x.safetensors", "model.bin", ".x", 3])
def test_an_index_that_leads_elsewhere(sharded: Path, file: object) -> None:
    write_index(sharded, {**PLACES, "a": file})
    with pytest.raises(InputError, match="only safetensors files beside it are read"):
        WeightFiles(sharded)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({**PLACES, "b": PLACES["a"]}, r"doesn't agree with its files on 'b'"),
        ({"a": PLACES["a"], "c": PLACES["a"]}, r"doesn't agree with its files on 'c'"),
        ({"b": PLACES["b"], "a": PLACES["b"]}, r"doesn't agree with its files on 'a'"),
        ({**PLACES, "c": "model-3.safetensors"}, r"names 'model-3.safetensors', which isn't there"),
        (["a"], r"isn't an index of safetensors files"),
    ],
)
def test_an_index_that_is_wrong(sharded: Path, places: object, message: str) -> None:
    write_index(sharded, places)
    with pytest.raises(InputError, match=message):
        WeightFiles(sharded)


def test_an_index_that_leaves_a_tensor_out(sharded: Path) -> None:
    save_file({"a": WEIGHTS["a"], "z": torch.ones(1)}, sharded / PLACES["a"])
    with pytest.raises(InputError, match=r"doesn't agree with its files on 'z'"):
        WeightFiles(sharded)


def test_an_index_that_isnt_json(sharded: Path) -> None:
    (sharded / INDEX).write_text("{")
    with pytest.raises(InputError, match="isn't an index of safetensors files"):
        WeightFiles(sharded)


@pytest.mark.parametrize("length", [0, 5, 40, -2])
def test_a_file_that_is_cut_short(tmp_path: Path, length: int) -> None:
    save_file(WEIGHTS, tmp_path / SINGLE_FILE)
    content = (tmp_path / SINGLE_FILE).read_bytes()
    (tmp_path / SINGLE_FILE).write_bytes(content[:length])
    with pytest.raises(InputError, match=r"can't read '.*model.safetensors'"):
        WeightFiles(tmp_path)


def test_names_in_files_arent_those_of_modules() -> None:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    config = Qwen2_5_VLConfig()
    config.text_config.num_hidden_layers = config.vision_config.depth = 1
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration(config)
    pattern = re.compile(pattern_in_files(model, r"model\.language_model\..*"))
    for name in (
        "model.layers.0.mlp.up_proj.weight",
        "model.language_model.layers.0.mlp.up_proj.weight",
        "model.norm.weight",
    ):
        assert pattern.fullmatch(name)
    for name in ("visual.patch_embed.proj.weight", "model.visual.patch_embed.proj.weight", "lm_head.weight"):
        assert not pattern.fullmatch(name)
    with pytest.raises(
        InputError, match=r"no parameter matches 'text.*' in full; a name in this model is 'model.visual"
    ):
        pattern_in_files(model, "text.*")
