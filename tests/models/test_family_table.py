"""Where a model's parts are: from the table, or found out."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from families.tiny import FAMILIES, load
from passerelle.adaptation.stages import linear_pattern
from passerelle.errors import ConfigError, InputError
from passerelle.models.families import (
    PARTS,
    Family,
    describe,
    families,
    families_beside,
    family_of,
    known_families,
    own_digest,
)


def test_the_table_has_the_families_that_are_tested() -> None:
    assert tuple(families()) == FAMILIES


METHODS_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "methods.md"


@cache
def documented_adapters() -> dict[str, set[str]]:
    """Return what the documents say adapters are on, by family."""
    section = METHODS_PAGE.read_text(encoding="utf-8").split("### What LoRA lands on")[1].split("###")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {name: set(re.findall(r"`(\w+)`", row[1])) for row in rows for name in re.findall(r"`(\w+)`", row[0])}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_documents_say_what_adapters_are_on(name: str) -> None:
    pretrained = load(name)
    pattern = linear_pattern(pretrained, "language")
    found = {path.rpartition(".")[2] for path, _ in pretrained.model.named_modules() if re.fullmatch(pattern, path)}
    assert found == documented_adapters()[name]


def test_the_documents_list_every_family_with_its_parts() -> None:
    text = METHODS_PAGE.read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    listed = {row[0].strip("`"): row[1:5] for row in rows if len(row) >= 5}
    for name, family in families().items():
        parts = [family.tower, family.projector, (family.language,)]
        shown = [", ".join(f"`{prefix}`" for prefix in prefixes) or "–" for prefixes in parts]
        assert listed.get(name) == [*shown, "yes" if family.replay else "no"], name


@pytest.mark.parametrize("name", FAMILIES)
def test_parts_are_where_the_table_says(name: str) -> None:
    model = load(name).model
    family = family_of(model)
    sizes = {part: len(family.parameters(model, part)) for part in PARTS}
    assert family == families()[name]
    assert min(sizes["projector"], sizes["language"]) > 0
    assert bool(sizes["tower"]) is (name != "gemma4_unified"), "it has none"
    assert sum(sizes.values()) == len(dict(model.named_parameters()))
    assert set(family.parameters(model, "extra")) <= set(family.extra)
    for prefix in (*family.tower, *family.projector, *family.extra):
        assert any(key.startswith(prefix) for key in model.state_dict())
    assert family.module(model, "head") is model.get_output_embeddings()


@pytest.mark.parametrize("name", FAMILIES)
def test_an_unknown_family_is_found_out(name: str) -> None:
    model = load(name).model
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

    with pytest.raises(InputError, match="'silent' aren't in Passerelle's table.*families.toml beside your experiment"):
        family_of(Silent())


def test_a_tower_that_goes_by_another_name_is_not_taken_for_a_projector() -> None:
    model = load("llava").model
    model.model.seeing = model.model.vision_tower
    del model.model.vision_tower
    model.config.model_type = "new"
    with pytest.raises(InputError, match="doesn't say where a vision tower is"):
        family_of(model)


def test_the_longest_prefix_says_where_a_parameter_belongs() -> None:
    family = families()["qwen2_vl"]
    assert family.part_of("model.visual.merger.ln_q.weight") == "projector"
    assert family.part_of("model.visual.blocks.0.attn.qkv.weight") == "tower"
    assert family.part_of("model.visual_other.weight") == "extra"
    assert Family(name="x", tower=("a",), projector=("b",), language="c").part_of("lm_head.weight") == "head"


ROW = 'tower = ["model.vision_tower"]\nprojector = ["model.multi_modal_projector"]\nlanguage = "model.language_model"\n'


def test_a_table_of_ones_own_is_read_before_ours(tmp_path: Path) -> None:
    own = tmp_path / "families.toml"
    own.write_text(f"[new]\n{ROW}[llava]\n{ROW}head = 'lm_head'\ncausal = false\n", encoding="utf-8")
    model = load("llava").model
    assert families_beside(tmp_path / "adapt.yaml") == own and families_beside(tmp_path / "llava" / "x") is None
    assert own_digest() == ""
    with known_families(own):
        assert not family_of(model).causal
        digest = own_digest()
        with known_families(None):
            assert own_digest() == digest
        model.config.model_type = "new"
        found = family_of(model)
        assert (found.name, found.causal, found.detected) == ("new", True, False)
        # Whoever writes this down gets what was found out.
        own.write_text(describe(found), encoding="utf-8")
        with known_families(own):
            assert family_of(model) == found
    assert families()["llava"].causal and "new" not in families()
    assert family_of(model).detected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[new", "not valid TOML"),
        ("new = 3", "'new' is no family"),
        (f"[new]\n{ROW}towers = []", "\\[new\\]: unknown key 'towers'.*tower"),
        ("[new]\nlanguage = 'x'", "projector is missing"),
        (f"[new]\n{ROW.replace('vision_tower', 'visual')}", "'model.visual', below which this model has no weights"),
    ],
)
def test_a_table_of_ones_own_that_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text, encoding="utf-8")
    model = load("llava").model
    model.config.model_type = "new"
    with pytest.raises(ConfigError, match=said), known_families(own):
        family_of(model)
    with pytest.raises(ConfigError, match="can't read"), known_families(tmp_path / "gone.toml"):
        pass


def test_recurrent_layers_share_nothing_whatever_a_table_says(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[qwen3_5]\ntower = ["model.visual"]\nprojector = ["model.visual.merger"]\nlanguage = "model.language_model"\n',
        encoding="utf-8",
    )
    model = load("qwen3_5").model
    with known_families(own):
        assert families()["qwen3_5"].shares_prefix
        assert not family_of(model).shares_prefix
