"""Eight-bit moments learn what fp32 ones learn, for a quarter of their memory, and go on after a kill."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from adaptations import losses
from passerelle.adaptation.checkpoints import Checkpoints
from passerelle.adaptation.loop import StageRecord
from passerelle.adaptation.optimizer import MasterAdamW, ParameterGroup, require_optimizer
from passerelle.adaptation.processes import ALONE
from passerelle.adaptation.run import adapt, adaptation_key
from passerelle.adaptation.settings import AdaptSettings
from passerelle.costs.clocks import Took
from passerelle.costs.flops import FlopMeter
from passerelle.errors import MissingDependency, UserError

Make = Callable[..., AdaptSettings]


def optimizer(dtype: torch.dtype = torch.float32, **how: Any) -> MasterAdamW:
    drawn = torch.Generator().manual_seed(3)
    parameters = {
        name: torch.nn.Parameter(torch.randn(size, 64, generator=drawn).to(dtype)) for name, size in SIZES.items()
    }
    return MasterAdamW([ParameterGroup("all", parameters, 0.01)], **how)


SIZES = {"large": 128, "small": 4}  # bitsandbytes keeps moments of less than 4096 numbers in fp32


def take_steps(optimizer: MasterAdamW, numbers: range) -> None:
    for number in numbers:
        drawn = torch.Generator().manual_seed(number)
        for parameter in optimizer.parameters:
            parameter.grad = torch.randn(parameter.shape, generator=drawn).to(parameter.dtype)
        optimizer.step(1.0, 1e9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_steps_as_adamw_does_for_less_memory(dtype: torch.dtype) -> None:
    whole, few = optimizer(dtype), optimizer(dtype, optim="adamw_8bit")
    before = [master.detach().clone() for master in whole.masters]
    for each in (whole, few):
        take_steps(each, range(8))
    for start, one, other in zip(before, whole.masters, few.masters, strict=True):
        moved = (one - start).abs().mean()
        assert (one - other).abs().mean() < 0.05 * moved
    states = {name: opt.state() for name, opt in (("whole", whole), ("few", few))}
    sizes = {
        name: sum(v.nbytes for key, v in state.items() if key.endswith(".large") and not key.startswith("master"))
        for name, state in states.items()
    }
    assert sizes["few"] < 0.35 * sizes["whole"]


def test_it_goes_on_from_a_checkpoint_as_if_never_stopped(tmp_path: Path) -> None:
    whole = optimizer(optim="adamw_8bit")
    take_steps(whole, range(6))
    stopped = optimizer(optim="adamw_8bit")
    take_steps(stopped, range(3))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(stopped, StageRecord("one", steps=3), FlopMeter(), Took(1.0), ALONE)
    resumed = optimizer(optim="adamw_8bit")
    record = StageRecord("one")
    assert checkpoints.load(resumed, record, ALONE) is not None
    assert record.steps == 3
    take_steps(resumed, range(3, 6))
    for one, other in zip(whole.masters, resumed.masters, strict=True):
        assert torch.equal(one, other)
    assert checkpoints.load(optimizer(), StageRecord("one"), ALONE) is None, "another optimizer's"


def test_an_adaptation_learns_by_it(settings: Make, tmp_path: Path) -> None:
    changes = {"method": "full", "learning_rate": 0.002}
    plain = losses(adapt(settings(**changes)))
    few = losses(adapt(settings(optim="adamw_8bit", output_dir=str(tmp_path / "few"), **changes)))
    assert few != plain
    assert few == pytest.approx(plain, abs=0.2)
    assert few[-1] < few[0]


def test_another_optimizer_is_another_adaptation(settings: Make) -> None:
    plain = settings()
    assert adaptation_key(settings(optim="adamw_torch_fused")) == adaptation_key(plain)
    others = [{"optim": "adamw_8bit"}, {"attn_implementation": "eager"}, {"learning_rate": 0.02}]
    assert len({adaptation_key(plain), *(adaptation_key(settings(**other)) for other in others)}) == 4


def test_without_bitsandbytes_it_says_what_to_install(settings: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    found = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("bitsandbytes"):
            raise ImportError(name)
        return found(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingDependency, match=r"pip install 'passerelle\[quantised\]'"):
        adapt(settings(optim="adamw_8bit"))
    require_optimizer("adamw_torch_fused", torch.device("cpu"))


def test_a_device_that_it_has_nothing_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from bitsandbytes.optim import AdamW8bit

    def refuse(self: Any) -> None:
        raise NotImplementedError("no kernel")

    monkeypatch.setattr(AdamW8bit, "step", refuse)
    with pytest.raises(UserError, match=r"adamw_8bit.*cpu.*no kernel.*leave optim out"):
        require_optimizer("adamw_8bit", torch.device("cpu"))


@pytest.mark.gpu
def test_it_steps_on_a_gpu() -> None:
    require_optimizer("adamw_8bit", torch.device("cuda"))
    parameter = torch.nn.Parameter(torch.ones(128, 64, device="cuda", dtype=torch.bfloat16))
    few = MasterAdamW([ParameterGroup("all", {"p": parameter}, 0.01)], optim="adamw_8bit")
    for _ in range(3):
        parameter.grad = torch.ones_like(parameter)
        few.step(1.0, 1e9)
    assert few.state()["state1.p"].dtype == torch.uint8
    assert few.masters[0].mean().item() == pytest.approx(0.97, abs=1e-3)
