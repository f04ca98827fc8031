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
from passerelle.adaptation.settings import AdaptSettings
from passerelle.errors import ConfigError
from passerelle.models.batches import target_logprobs
from passerelle.models.pretrained import load_adapted
from passerelle.models.vision_cache import VisionFeatures

Make = Callable[..., AdaptSettings]
LORA = {"how": "lora", "learning_rate": 0.01}
EMBEDDINGS = {**LORA, "targets": r"model\.language_model\.(embed_tokens|layers\..*q_proj)"}


def stage(**train: Any) -> dict[str, Any]:
    return {"stages": [{"name": "training", "train": train}], "learning_rate": None}


@pytest.mark.parametrize(
    ("train", "holds"),
    [
        ({"head": LORA}, {"lm_head"}),
        ({"language": LORA, "head": LORA}, {"lm_head", "language_model.layers"}),
        ({"projector": LORA}, {"multi_modal_projector"}),
        ({"language": EMBEDDINGS}, {"embed_tokens", "q_proj"}),
        ({"language": {**LORA, "dora": True}}, {"lora_magnitude_vector"}),
    ],
)
def test_adapters_are_trained_and_saved_whole(
    settings: Make, models: Callable[[str], Path], data: Path, train: dict[str, Any], holds: set[str]
) -> None:
    record = adapt(settings(max_steps=6, **stage(**train)))
    (done,) = record["stages"]
    assert {row["part"] for row in done["parts"] if row["adapter"]} == set(train)
    assert losses(record)[-1] < losses(record)[0]
    folder = Path(record["outputs"]["adapter"])
    names = load_file(folder / "adapter_model.safetensors").keys()
    assert all("lora_" in name for name in names), "weights of the base are not in it"
    assert all(any(part in name for name in names) for part in holds)
    plain, adapted = (load_adapted(where, dtype="float32") for where in (models("llava"), folder))
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
    ],
)
def test_what_cannot_be_trained_is_refused(
    settings: Make, monkeypatch: pytest.MonkeyPatch, family: str, train: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr("passerelle.adaptation.run.train", lambda *given, **more: pytest.fail("a step was taken"))
    with pytest.raises(ConfigError, match=said):
        adapt(settings(family, **stage(**train)))
