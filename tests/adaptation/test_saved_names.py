"""A whole model is saved under the names of its family's published checkpoints, and is the same when it is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from passerelle.adaptation.saving import save_model
from passerelle.models.merging.weight_files import WeightFiles
from passerelle.models.pretrained import load_pretrained

# What stands before the numbers of layers, as in the files of the checkpoints that are named, and as vLLM's models
# call their parts (`hf_to_vllm_mapper`).
LLAVA = ("language_model.model.layers", "multi_modal_projector.linear_1", "vision_tower.vision_model.encoder.layers")
PUBLISHED = {
    "llava": LLAVA,  # llava-hf/llava-1.5-7b-hf
    "llava_next": (*LLAVA, "image_newline"),  # llava-hf/llava-v1.6-mistral-7b-hf
    "llava_onevision": (*LLAVA, "image_newline"),  # llava-hf/llava-onevision-qwen2-0.5b-ov-hf
    "paligemma": (LLAVA[0], "multi_modal_projector.linear", LLAVA[2]),  # google/paligemma-3b-pt-224
    "gemma3": (LLAVA[0], "multi_modal_projector.mm_input_projection_weight", LLAVA[2]),  # google/gemma-3-4b-it
    "aya_vision": LLAVA,  # CohereLabs/aya-vision-8b
    "qwen2_vl": ("model.layers", "visual.blocks", "visual.merger.mlp"),  # Qwen/Qwen2-VL-2B-Instruct
    "idefics3": (  # HuggingFaceM4/Idefics3-8B-Llama3
        "model.text_model.layers", "model.vision_model.encoder.layers", "model.connector.modality_projection.proj"
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", PUBLISHED)
def test_a_saved_model_has_the_published_names(models: Callable[[str], Path], tmp_path: Path, family: str) -> None:
    loaded = load_pretrained(str(models(family)), dtype="float32")
    folder = save_model(loaded, tmp_path / "whole")
    names = {re.split(r"\.\d+\.|\.(?:weight|bias)$", name)[0] for name in WeightFiles(folder).entries}
    assert set(PUBLISHED[family]) <= names
    assert not any(name.startswith("vision_tower.encoder") for name in names)
    again = load_pretrained(str(folder), dtype="float32")
    first, second = loaded.model.state_dict(), again.model.state_dict()
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
    once_more = save_model(again, tmp_path / "again")
    assert WeightFiles(once_more).entries.keys() == WeightFiles(folder).entries.keys()
