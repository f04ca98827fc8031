"""What is trained and how it is updated: parameter groups, and AdamW on fp32 masters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from passerelle.adaptation.processes import ALONE, Processes
from passerelle.adaptation.settings import Optim
from passerelle.errors import MissingDependency, UserError, first_line, to_install
from passerelle.models.sharding import is_piece, own_piece

_MOMENTS: dict[Optim, tuple[str, str]] = {
    "adamw_torch_fused": ("exp_avg", "exp_avg_sq"),
    "adamw_8bit": ("state1", "state2"),
}
_BLOCKS = ("qmap1", "qmap2", "absmax1", "absmax2")
"""What moments of eight bits are read by; small parameters have fp32 ones (bitsandbytes)."""


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate, by name."""

    name: str
    parameters: dict[str, torch.nn.Parameter]
    learning_rate: float
    weight_decay: float = 0.0


class MasterAdamW:
    """AdamW on fp32 copies of bf16 parameters, so that small updates are not rounded away.

    Parameters in fp32 are their own masters. Of those that are divided among processes, each process has masters and
    moments of its own pieces.

    Attributes:
        in_pieces: Whether some are divided.
    """

    def __init__(
        self,
        groups: Sequence[ParameterGroup],
        processes: Processes = ALONE,
        optim: Optim = "adamw_torch_fused",
    ) -> None:
        self.groups = groups
        self.optim = optim
        self.processes = processes
        self.names = [name for group in groups for name in group.parameters]
        self.parameters = [p for group in groups for p in group.parameters.values()]
        self.in_pieces = any(map(is_piece, self.parameters))
        # float() copies what isn't fp32; what is shares its memory.
        self.masters = [own_piece(p.detach()).float().requires_grad_() for p in self.parameters]
        rows = iter(self.masters)
        self.optimizer = _adamw(
            [
                {
                    "params": [next(rows) for _ in group.parameters],
                    "lr": group.learning_rate,
                    "weight_decay": group.weight_decay,
                }
                for group in groups
            ],
            optim,
        )

    def step(self, share: float, clip: float) -> None:
        """Update the parameters at `share` of their learning rates; gradients are cleared."""
        self._take_gradients()
        self._clip(clip)
        for group, settings in zip(self.groups, self.optimizer.param_groups, strict=True):
            settings["lr"] = group.learning_rate * share
        self.optimizer.step()
        self._publish()

    def _take_gradients(self) -> None:
        given, copies = [], []
        for parameter, master in zip(self.parameters, self.masters, strict=True):
            grad = None if parameter.grad is None else own_piece(parameter.grad)
            parameter.grad = None
            if grad is None or grad.dtype == master.dtype:
                master.grad = grad
                continue
            master.grad = torch.empty_like(master)
            given.append(grad)
            copies.append(master.grad)
        if given:
            torch._foreach_copy_(copies, given)

    def _clip(self, clip: float) -> None:
        if not self.in_pieces:
            torch.nn.utils.clip_grad_norm_(self.masters, clip)
            return
        parts: dict[bool, list[Tensor]] = {True: [], False: []}
        for parameter, master in zip(self.parameters, self.masters, strict=True):
            if master.grad is not None:
                parts[is_piece(parameter)].append(master.grad)
        own, whole = (float(torch.nn.utils.get_total_norm(parts[divided])) for divided in (True, False))
        (pieces,) = self.processes.total(own**2)
        torch.nn.utils.clip_grads_with_norm_(self.masters, clip, torch.tensor((pieces + whole**2) ** 0.5))

    def _publish(self) -> None:
        pairs = zip(self.parameters, self.masters, strict=True)
        rounded = [(own_piece(parameter), master) for parameter, master in pairs if parameter.dtype != master.dtype]
        if rounded:
            with torch.no_grad():
                torch._foreach_copy_([own for own, _ in rounded], [master for _, master in rounded])

    def state(self) -> dict[str, Tensor]:
        """Return masters and moments as flat tensors."""
        tensors = {}
        for name, master in zip(self.names, self.masters, strict=True):
            tensors[f"master.{name}"] = master.detach()
            for key, value in self.optimizer.state.get(master, {}).items():
                tensors[f"{key}.{name}"] = torch.as_tensor(value).detach().clone()
        return tensors

    def check(self, tensors: dict[str, Tensor]) -> None:
        """Make sure that `load_state` can go on from these.

        Raises:
            KeyError: A tensor is missing.
            ValueError: A tensor has another shape.
        """
        for name, master in zip(self.names, self.masters, strict=True):
            for key in ("master", "step", *_MOMENTS[self.optim]):
                if tensors[f"{key}.{name}"].shape != (() if key == "step" else master.shape):
                    raise ValueError(f"the state of {name!r} has another shape")
            self._read_by(name, tensors)

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state` returned.

        Raises:
            KeyError: A tensor is missing; nothing is changed then.
            ValueError: A tensor has another shape; nothing is changed then.
        """
        self.check(tensors)
        with torch.no_grad():
            for name, master in zip(self.names, self.masters, strict=True):
                keys = ("step", *_MOMENTS[self.optim])
                state: dict[str, Any] = {key: tensors[f"{key}.{name}"] for key in keys} | self._read_by(name, tensors)
                master.copy_(tensors[f"master.{name}"])
                self.optimizer.state[master] = {key: t.to(master.device, copy=True) for key, t in state.items()}
                if self.optim == "adamw_8bit":
                    self.optimizer.state[master]["step"] = int(tensors[f"step.{name}"])
        self._publish()

    def _read_by(self, name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what the moments of a parameter are read by, where they have eight bits."""
        if tensors[f"{_MOMENTS[self.optim][0]}.{name}"].dtype != torch.uint8:
            return {}
        return {key: tensors[f"{key}.{name}"] for key in _BLOCKS}


def require_optimizer(optim: Optim, device: torch.device) -> None:
    """Make sure that an optimizer can be had on a device.

    Raises:
        MissingDependency: Its package isn't installed.
        UserError: It can't compute on the device.
    """
    if optim != "adamw_8bit":
        return
    tried = torch.ones(4096, device=device, requires_grad=True)
    tried.grad = torch.ones_like(tried)
    try:
        _adamw([{"params": [tried], "lr": 1e-3, "weight_decay": 0.0}], optim).step()
    except ImportError:
        raise MissingDependency(f"optim {optim} needs bitsandbytes: type {to_install('quantised')}") from None
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        raise UserError(
            f"optim {optim}: this bitsandbytes has none for {device.type} ({first_line(error)}): leave optim out."
        ) from error


def _adamw(groups: list[dict[str, Any]], optim: Optim) -> torch.optim.Optimizer:
    if optim == "adamw_8bit":
        import bitsandbytes.optim as eight_bits

        chosen: torch.optim.Optimizer = eight_bits.AdamW8bit(groups, betas=(0.9, 0.95))  # type: ignore[attr-defined, no-untyped-call]
        return chosen
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)
