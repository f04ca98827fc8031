"""Where a model's parts are: from the table, or found out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText

from families.tiny import FAMILIES, build
from passerelle.errors import InputError
from passerelle.models.families import PARTS, Family, families, family_of


def test_the_table_has_the_families_that_are_tested() -> None:
    assert tuple(families()) == FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_parts_are_where_the_table_says(name: str, tmp_path: Path) -> None:
    model: Any = AutoModelForImageTextToText.from_pretrained(build(name, tmp_path / name))
    family = family_of(model)
    sizes = {part: len(family.parameters(model, part)) for part in PARTS}
    assert family == families()[name]
    assert min(sizes["tower"], sizes["projector"], sizes["language"]) > 0
    assert sum(sizes.values()) == len(dict(model.named_parameters()))
    assert set(family.parameters(model, "extra")) <= set(family.extra)
    for prefix in (*family.tower, *family.projector, *family.extra):
        assert any(key.startswith(prefix) for key in model.state_dict())
    assert family.module(model, "head") is model.get_output_embeddings()


@pytest.mark.parametrize("name", ["llava", "idefics3", "gemma3"])
def test_an_unknown_family_is_found_out(name: str, tmp_path: Path) -> None:
    model: Any = AutoModelForImageTextToText.from_pretrained(build(name, tmp_path / name))
    model.config.model_type = "new"
    found, known = family_of(model), families()[name]
    assert (found.name, found.detected) == ("new", True)
    assert (found.tower, found.projector, found.language, found.head) == (
        known.tower,
        known.projector,
        known.language,
        known.head,
    )


def test_a_model_that_does_not_say(tmp_path: Path) -> None:
    class Silent(torch.nn.Module):
        config = type("Config", (), {"model_type": "silent"})

        def get_encoder(self, modality: str) -> Any:
            return self

        get_decoder = get_output_embeddings = lambda self: None

    with pytest.raises(InputError, match="'silent' aren't in Passerelle's table.*data/families.toml"):
        family_of(Silent())


def test_the_longest_prefix_says_where_a_parameter_belongs() -> None:
    family = families()["qwen2_vl"]
    assert family.part_of("model.visual.merger.ln_q.weight") == "projector"
    assert family.part_of("model.visual.blocks.0.attn.qkv.weight") == "tower"
    assert family.part_of("model.visual_other.weight") == "extra"
    assert Family("x", ("a",), ("b",), "c").part_of("lm_head.weight") == "head"
