"""What is trained and how it is updated: parameter groups, and AdamW on fp32 masters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate, by name."""

    name: str
    parameters: dict[str, torch.nn.Parameter]
    learning_rate: float
    weight_decay: float = 0.0


class MasterAdamW:
    """AdamW on fp32 copies of bf16 parameters, so that small updates are not rounded away."""

    def __init__(self, groups: Sequence[ParameterGroup]) -> None:
        self.groups = groups
        self.names = [name for group in groups for name in group.parameters]
        self.parameters = [p for group in groups for p in group.parameters.values()]
        self.masters = [p.detach().float().clone().requires_grad_() for p in self.parameters]
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
        )

    def step(self, share: float, clip: float) -> None:
        """Update the parameters at `share` of their learning rates; gradients are cleared."""
        for parameter, master in zip(self.parameters, self.masters, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, clip)
        for group, settings in zip(self.groups, self.optimizer.param_groups, strict=True):
            settings["lr"] = group.learning_rate * share
        self.optimizer.step()
        self._publish()

    def _publish(self) -> None:
        with torch.no_grad():
            for parameter, master in zip(self.parameters, self.masters, strict=True):
                parameter.copy_(master)

    def state(self) -> dict[str, Tensor]:
        """Return masters and moments as flat tensors."""
        tensors = {}
        for name, master in zip(self.names, self.masters, strict=True):
            tensors[f"master.{name}"] = master.detach()
            for key, value in self.optimizer.state.get(master, {}).items():
                tensors[f"{key}.{name}"] = value.detach().clone()
        return tensors

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state` returned.

        Raises:
            KeyError: A tensor is missing; nothing is changed then.
            ValueError: A tensor has another shape; nothing is changed then.
        """
        found = []
        for name, master in zip(self.names, self.masters, strict=True):
            state = {key: tensors[f"{key}.{name}"].clone() for key in ("master", "exp_avg", "exp_avg_sq", "step")}
            if any(state[key].shape != (() if key == "step" else master.shape) for key in state):
                raise ValueError(f"the state of {name!r} has another shape")
            found.append(state)
        with torch.no_grad():
            for master, state in zip(self.masters, found, strict=True):
                master.copy_(state.pop("master"))
                self.optimizer.state[master] = state
        self._publish()
