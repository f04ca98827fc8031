"""Adapters on any part are trained, saved whole and loaded again; what can't be is refused before the first step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from adaptations import encoded_rows, losses
from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import AdaptSettings, StageSettings
from passerelle.adaptation.stages import adapted_modules, attach
from passerelle.errors import ConfigError
from passerelle.models.batches import target_logprobs
from passerelle.models.pretrained import load_adapted, load_pretrained
from passerelle.models.vision_cache import VisionFeatures

Make = Callable[..., AdaptSettings]
LORA = {"how": "lora", "learning_rate": 0.01}
EMBEDDINGS = {**LORA, "targets": r"model\.language_model\.(embed_tokens|layers\..*q_proj)"}


def stage(**train: Any) -> dict[str, Any]:
    return {"stages": [{"name": "training", "train": train}], "learning_rate": None}


@pytest.mark.parametrize(
    ("family", "train", "holds"),
    [
        ("llava", {"head": LORA}, {"lm_head"}),
        ("llava", {"language": LORA, "head": LORA}, {"lm_head", "language_model.layers"}),
        ("llava", {"projector": LORA}, {"multi_modal_projector"}),
        ("llava", {"language": EMBEDDINGS}, {"embed_tokens", "q_proj"}),
        ("llava", {"language": {**LORA, "dora": True}}, {"lora_magnitude_vector"}),
        ("qwen3_vl_moe", {"language": {**LORA, "experts": True}}, {"experts", "q_proj"}),
    ],
)
def test_adapters_are_trained_and_saved_whole(
    settings: Make, models: Callable[[str], Path], data: Path, family: str, train: dict[str, Any], holds: set[str]
) -> None:
    record = adapt(settings(family, max_steps=6, **stage(**train)))
    (done,) = record["stages"]
    assert {row["part"] for row in done["parts"] if row["adapter"]} == set(train)
    assert losses(record)[-1] < losses(record)[0]
    folder = Path(record["outputs"]["adapter"])
    names = load_file(folder / "adapter_model.safetensors").keys()
    assert all("lora_" in name for name in names), "weights of the base are not in it"
    assert all(any(part in name for name in names) for part in holds)
    plain, adapted = (load_adapted(where, dtype="float32") for where in (models(family), folder))
    found = []
    for model in (plain, adapted):
        rows = encoded_rows(model, data, 3)
        with torch.no_grad():
            found.append(target_logprobs(model, VisionFeatures(model, None, {"tower"}), rows).mean())
    assert found[1] > found[0] + 0.02, "it acts"


@pytest.mark.parametrize(
    ("family", "train", "said"),
    [
        ("fast_vlm", {"head": LORA}, "'lm_head' can't have an adapter.*the same weights"),
        ("fast_vlm", {"language": LORA, "head": LORA}, "'lm_head' can't have an adapter"),
        ("fast_vlm", {"language": EMBEDDINGS}, "embed_tokens' can't have an adapter"),
        ("fast_vlm", {"head": {"how": "full", "learning_rate": 0.01}}, "nothing to train in the part 'head'"),
        ("llava", {"language": LORA, "head": EMBEDDINGS}, "no adapter landed in the part 'head'"),
        ("llava", {"head": {**LORA, "targets": "head"}}, "pattern 'head' of 'head' matches no module"),
        ("llava", {"language": {**LORA, "targets": r"model\.language_model\.norm"}}, "can't be followed"),
        ("llava", {"language": {**LORA, "experts": True}}, "'language' has no experts"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    settings: Make, monkeypatch: pytest.MonkeyPatch, family: str, train: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr("passerelle.adaptation.run.train", lambda *given, **more: pytest.fail("a step was taken"))
    with pytest.raises(ConfigError, match=said):
        adapt(settings(family, **stage(**train)))


@pytest.mark.parametrize(
    ("family", "leaves"),
    [
        ("qwen3_vl_moe", {f"self_attn.{name}_proj" for name in "qkvo"}),
        (
            "qwen3_5_moe",
            {f"self_attn.{name}_proj" for name in "qkvo"}
            | {f"linear_attn.{name}" for name in ("in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj")}
            | {f"mlp.shared_expert.{name}_proj" for name in ("gate", "up", "down")},
        ),
    ],
)
@pytest.mark.parametrize("experts", [False, True])
def test_experts_are_adapted_only_if_asked_for_and_what_chooses_among_them_never(
    models: Callable[[str], Path], family: str, leaves: set[str], experts: bool
) -> None:
    pretrained = load_pretrained(models(family), dtype="float32")
    (one,) = stage(language={**LORA, "experts": experts})["stages"]
    attach(pretrained, StageSettings.model_validate(one), 1)
    assert set(adapted_modules(pretrained)) == leaves | ({"mlp.experts"} if experts else set())


def test_what_adapters_are_on_is_said(settings: Make, capsys: pytest.CaptureFixture[str]) -> None:
    record = adapt(settings("qwen3_vl_moe", max_steps=1))
    assert record["stages"][0]["adapted"] == {f"self_attn.{name}_proj": 2 for name in "koqv"}
    assert record["image_processor"] == "Qwen2VLImageProcessorPil"
    said = " ".join(capsys.readouterr().err.split())
    assert "adapters on: self_attn.k_proj (2), self_attn.o_proj (2), self_attn.q_proj (2)" in said
    assert "experts of the mixture: none is adapted; experts: true adapts them all" in said
