"""A model is computed in the number type that the machine is fast in."""

from __future__ import annotations

import pytest
import torch

from passerelle.models import precision
from passerelle.models.precision import best_dtype


@pytest.mark.parametrize(
    ("avx512", "amx", "expected"),
    [(True, False, torch.bfloat16), (False, True, torch.bfloat16), (False, False, torch.float32)],
)
def test_bf16_only_where_the_cpu_has_it(
    avx512: bool, amx: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert best_dtype() == expected


def test_a_torch_that_cannot_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert precision.best_dtype() == torch.float32


def test_other_devices_get_fp32() -> None:
    assert best_dtype(torch.device("mps")) == torch.float32
