"""Parameters on disk come back whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from passerelle.models.parameter_files import load_parameters, save_tensors


def projector(model: Any) -> dict[str, Any]:
    return dict(model.family.parameters(model.model, "projector"))


def test_parameters_come_back(tiny: Any, fresh: Callable[[], Any], tmp_path: Path) -> None:
    saved, other = projector(tiny), fresh()
    with torch.no_grad():
        next(iter(saved.values())).add_(1)
    save_tensors(tmp_path / "arm" / "weights.safetensors", saved)
    assert load_parameters(tmp_path / "arm" / "weights.safetensors", projector(other))
    for name, parameter in projector(other).items():
        assert torch.equal(parameter, saved[name])


@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "text", "other bytes", "other names", "other shapes"])
def test_what_is_not_whole_is_not_loaded(tiny: Any, tmp_path: Path, damage: str) -> None:
    path, parameters = tmp_path / "weights.safetensors", projector(tiny)
    saved = {name: p.detach() + 1 for name, p in parameters.items()}
    if damage == "other names":
        saved["projector.more"] = torch.zeros(2)
    elif damage == "other shapes":
        saved["model.multi_modal_projector.linear_2.bias"] = torch.zeros(2)
    save_tensors(path, saved)
    if damage == "missing":
        path.unlink()
    elif damage in ("cut", "empty", "text", "other bytes"):
        content = path.read_bytes()
        damaged = {"cut": content[:-5], "empty": b"", "text": b"not weights at all"}
        path.write_bytes(damaged.get(damage, content[:-5] + bytes(5)))
    before = {name: p.detach().clone() for name, p in parameters.items()}
    assert load_parameters(path, parameters) is False
    assert all(torch.equal(p, before[name]) for name, p in parameters.items())
