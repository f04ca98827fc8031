"""LoRA on a language model whose frozen weights have four or eight bits, with the real bitsandbytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import AdaptSettings
from passerelle.errors import ConfigError, MissingDependency
from passerelle.models.pretrained import load_adapted, load_pretrained

Make = Callable[..., AdaptSettings]


def parts(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["part"]: row for row in record["stages"][0]["parts"]}


@pytest.mark.parametrize("family", ["llava", "qwen2_vl"])
@pytest.mark.parametrize("bits", [4, 8])
def test_adapters_learn_on_few_bits(settings: Make, tmp_path: Path, family: str, bits: int) -> None:
    whole = adapt(settings(family, max_steps=2, output_dir=str(tmp_path / "whole")))
    record = adapt(settings(family, max_steps=12, **{f"load_in_{bits}bit": True}))
    few, all_bits = parts(record), parts(whole)
    assert ("uint8" if bits == 4 else "int8") in few["language"]["dtype"]
    assert few["tower"] == all_bits["tower"] and few["projector"] == all_bits["projector"]
    for count in ("parameters", "trainable", "adapter"):
        assert few["language"][count] == all_bits["language"][count]
    losses = [loss for _, loss in record["stages"][0]["record"]["loss"]]
    assert losses[-1] < losses[0]
    assert load_adapted(Path(record["outputs"]["adapter"])).model.peft_config, "it loads on the base in full"


def test_what_cannot_be_trained_or_merged_is_refused(settings: Make) -> None:
    for changes in ({"method": "full"}, {"method": "merged"}, {"method": "two-stage"}, {"merge_weights": True}):
        with pytest.raises(ConfigError, match="load_in_4bit goes with one stage of LoRA"):
            settings(load_in_4bit=True, **changes)
    with pytest.raises(ConfigError, match="not both"):
        settings(load_in_4bit=True, load_in_8bit=True)


def test_without_bitsandbytes_it_says_what_to_install(
    models: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.utils.is_bitsandbytes_available", lambda: False)
    with pytest.raises(MissingDependency, match=r"pip install 'passerelle\[quantised\]'"):
        load_pretrained(models("llava"), bits=4)
