"""What is trained and how it is updated: parameter groups, and AdamW on fp32 masters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from passerelle.adaptation.processes import ALONE, Processes
from passerelle.models.sharding import is_piece, own_piece

_STATE = ("master", "exp_avg", "exp_avg_sq", "step")


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

    def __init__(self, groups: Sequence[ParameterGroup], processes: Processes = ALONE) -> None:
        self.groups = groups
        self.processes = processes
        self.names = [name for group in groups for name in group.parameters]
        self.parameters = [p for group in groups for p in group.parameters.values()]
        self.in_pieces = any(map(is_piece, self.parameters))
        # float() copies what isn't fp32; what is shares its memory.
        self.masters = [own_piece(p.detach()).float().requires_grad_() for p in self.parameters]
        rows = iter(self.masters)
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": [next(rows) for _ in group.parameters],
                    "lr": group.learning_rate,
                    "weight_decay": group.weight_decay,
                }
                for group in groups
            ],
            betas=(0.9, 0.95),
            fused=True,
        )

    def step(self, share: float, clip: float) -> None:
        """Update the parameters at `share` of their learning rates; gradients are cleared."""
        for parameter, master in zip(self.parameters, self.masters, strict=True):
            master.grad = None if parameter.grad is None else own_piece(parameter.grad).float()
            parameter.grad = None
        self._clip(clip)
        for group, settings in zip(self.groups, self.optimizer.param_groups, strict=True):
            settings["lr"] = group.learning_rate * share
        self.optimizer.step()
        self._publish()

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
        with torch.no_grad():
            for parameter, master in zip(self.parameters, self.masters, strict=True):
                if parameter.dtype != master.dtype:
                    own_piece(parameter).copy_(master)

    def state(self) -> dict[str, Tensor]:
        """Return masters and moments as flat tensors."""
        tensors = {}
        for name, master in zip(self.names, self.masters, strict=True):
            tensors[f"master.{name}"] = master.detach()
            for key, value in self.optimizer.state.get(master, {}).items():
                tensors[f"{key}.{name}"] = value.detach().clone()
        return tensors

    def check(self, tensors: dict[str, Tensor]) -> None:
        """Make sure that `load_state` can go on from these.

        Raises:
            KeyError: A tensor is missing.
            ValueError: A tensor has another shape.
        """
        for name, master in zip(self.names, self.masters, strict=True):
            for key in _STATE:
                if tensors[f"{key}.{name}"].shape != (() if key == "step" else master.shape):
                    raise ValueError(f"the state of {name!r} has another shape")

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state` returned.

        Raises:
            KeyError: A tensor is missing; nothing is changed then.
            ValueError: A tensor has another shape; nothing is changed then.
        """
        self.check(tensors)
        with torch.no_grad():
            for name, master in zip(self.names, self.masters, strict=True):
                state = {key: tensors[f"{key}.{name}"].to(master.device, copy=True) for key in _STATE}
                master.copy_(state.pop("master"))
                self.optimizer.state[master] = state
        self._publish()
