"""Tiny random models of every family of vision-language models, as complete checkpoints with real processors.

    folder = build("qwen2_vl", tmp_path / "model")
    model = AutoModelForImageTextToText.from_pretrained(folder)

They have some 100,000 parameters in float32, and a byte-level vocabulary of some 1,000 tokens.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from families import crops, grids, models, no_torchvision, recent
from passerelle.models.pretrained import PretrainedModel, load_pretrained

no_torchvision.do_without()
_BUILT = TemporaryDirectory(prefix="families-")

BUILDERS: dict[str, Callable[[str], tuple[Any, Any]]] = {
    "llava": models.llava,
    "fast_vlm": models.fast_vlm,
    "llava_next": models.llava_next,
    "llava_onevision": models.llava_onevision,
    "paligemma": models.paligemma,
    "gemma3": models.gemma3,
    "internvl": models.internvl,
    "mistral3": models.mistral3,
    "aya_vision": models.aya_vision,
    "idefics3": models.idefics,
    "smolvlm": models.idefics,
    "qwen2_vl": grids.qwen_vl,
    "qwen2_5_vl": grids.qwen_vl,
    "qwen3_vl": grids.qwen_vl,
    "qwen3_vl_moe": grids.qwen_vl,
    "qwen3_5": grids.qwen_vl,
    "qwen3_5_moe": grids.qwen_vl,
    "glm4v": grids.glm_v,
    "glm46v": grids.glm_v,
    "gemma4": recent.gemma4,
    "ovis2": recent.ovis2,
    "cohere2_vision": recent.cohere2_vision,
    "llama4": crops.llama4,
    "gemma4_unified": recent.gemma4_unified,
    "lfm2_vl": crops.lfm2_vl,
    "molmo2": crops.molmo2,
    "minicpmv4_7": crops.minicpmv4_7,
}
FAMILIES: tuple[str, ...] = tuple(BUILDERS)
SEES_AHEAD = ("paligemma", "gemma3", "gemma4_unified", "molmo2")
"""Whose pictures' tokens see those behind them."""
RECURRENT = ("qwen3_5", "qwen3_5_moe", "lfm2_vl", "minicpmv4_7")
"""Whose layers keep one state in place of all tokens."""
NO_TREES = SEES_AHEAD + RECURRENT
"""Whose rows can't be merged into trees."""
IN_A_GRID = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "glm4v", "glm46v")
"""Who place a picture's tokens in a grid."""


def build(model_type: str, folder: Path, seed: int = 0) -> Path:
    """Write a tiny random model of a family to a folder, with its processor.

    Args:
        model_type: One of `FAMILIES`.
        folder: Where it goes, as `AutoModelForImageTextToText` and `AutoProcessor` read it.
        seed: Of its weights. The caller's random numbers are left as they were.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, processor = BUILDERS[model_type](model_type)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@cache
def folder_of(model_type: str) -> Path:
    """Return the folder of a family's tiny model, which is built once for all tests: none may change what is in it."""
    return build(model_type, Path(_BUILT.name) / model_type)


@cache
def _loaded(model_type: str) -> PretrainedModel:
    return load_pretrained(folder_of(model_type), dtype="float32")


def load(model_type: str) -> PretrainedModel:
    """Return a copy of a family's tiny model of its own, as `load_pretrained` gives it in fp32."""
    return copy.deepcopy(_loaded(model_type))
