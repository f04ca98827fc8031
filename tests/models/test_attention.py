"""How attention is computed can be chosen; every way gives the same likelihoods."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark_files import write_spots
from families.tiny import FAMILIES, NO_TREES, folder_of
from passerelle.errors import InputError, MissingDependency
from passerelle.formats.conversations import Conversation, Message
from passerelle.models.batches import target_logprobs
from passerelle.models.conversing import Encoder
from passerelle.models.layouts import follows_trees
from passerelle.models.pretrained import PretrainedModel, load_pretrained
from passerelle.models.vision_cache import VisionFeatures

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def likelihoods(pretrained: PretrainedModel, picture: Path) -> torch.Tensor:
    """Return those of three replies of other lengths, pictures through the tower."""
    talks = [
        Conversation("", (Message("user", (None, asked)), Message("assistant", (said,))), (picture,), "en", "native")
        for asked, said in (("What is this?", "A cat."), ("What is this?", "A red boat."), ("Where?", "On the sea."))
    ]
    rows = [row for talk in talks for row in Encoder(pretrained, 1000)(talk)]
    with torch.no_grad():
        return target_logprobs(pretrained, VisionFeatures(pretrained, None, {"tower"}), rows).float().cpu()


@pytest.mark.parametrize("family", FAMILIES)
def test_eager_gives_what_sdpa_gives(family: str, tmp_path: Path) -> None:
    picture = write_spots(tmp_path / "a.png", 5)
    # As it is without a word, and as asked for; "sdpa" itself is asked for in one family.
    ways: tuple[Any, ...] = (None, "eager", "sdpa") if family == "llava" else (None, "eager")
    found: dict[Any, torch.Tensor] = {}
    for attention in ways:
        pretrained = load_pretrained(folder_of(family), dtype="float32", attention=attention)
        assert pretrained.bare.config.get_text_config()._attn_implementation == (attention or "sdpa")
        assert follows_trees(pretrained, 1) is (attention != "eager" and family not in NO_TREES)
        found[attention] = likelihoods(pretrained, picture)
    torch.testing.assert_close(found["eager"], found[None], rtol=0, atol=2e-4)
    assert torch.equal(found.get("sdpa", found[None]), found[None])


def test_flash_attention_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of("llava")
    monkeypatch.setattr("transformers.utils.is_flash_attn_2_available", lambda: False)
    with pytest.raises(MissingDependency, match=r"pip install flash-attn .* or give attn_implementation sdpa"):
        load_pretrained(folder, attention="flash_attention_2")


@pytest.mark.parametrize(("dtype", "device"), [("bfloat16", "cpu"), ("float32", "cuda")])
def test_flash_attention_where_it_cannot_compute(dtype: Any, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of("llava")
    monkeypatch.setattr("transformers.utils.is_flash_attn_2_available", lambda: True)
    with pytest.raises(InputError, match="bf16 on CUDA GPUs only"):
        load_pretrained(folder, attention="flash_attention_2", dtype=dtype, device=device)


@pytest.mark.gpu
@pytest.mark.skipif(importlib.util.find_spec("flash_attn") is None, reason="no flash-attn")
@pytest.mark.parametrize("family", ["llava", "qwen2_vl"])
def test_flash_attention_gives_what_sdpa_gives(family: str, tmp_path: Path) -> None:
    folder, picture = folder_of(family), write_spots(tmp_path / "a.png", 5)
    found = {}
    for attention in ("sdpa", "flash_attention_2"):
        pretrained = load_pretrained(folder, dtype="bfloat16", device="cuda", attention=attention)  # type: ignore[arg-type]
        found[attention] = likelihoods(pretrained, picture)
    torch.testing.assert_close(found["flash_attention_2"], found["sdpa"], rtol=0, atol=0.1)
