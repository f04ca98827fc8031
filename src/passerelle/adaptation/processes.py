"""Several processes that train one model: each computes some parts of a step, gradients are added up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from passerelle.errors import UserError
from passerelle.models.sharding import is_piece


class Processes(Protocol):
    """What the training loop asks of the processes that it is one of."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    @property
    def index(self) -> int:
        """Which one this is."""
        ...

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        ...

    def total(self, *values: float) -> tuple[float, ...]:
        """Add values up over all processes."""
        ...

    def agree(self, value: bool) -> bool:
        """Whether a value is true for all processes."""
        ...

    def add_gradients(self, parameters: Sequence[Any]) -> None:
        """Add gradients up over all processes; one without counts as zero, and where none has any there is none."""
        ...

    def wait(self) -> None:
        """Wait until all are here."""
        ...


@dataclass(frozen=True)
class Alone:
    """One process."""

    count: int = 1
    index: int = 0
    first: bool = True

    def total(self, *values: float) -> tuple[float, ...]:
        """Return the values."""
        return values

    def agree(self, value: bool) -> bool:
        """Return the value."""
        return value

    def add_gradients(self, parameters: Sequence[Any]) -> None:
        """Do nothing."""

    def wait(self) -> None:
        """Do nothing."""


ALONE = Alone()


class Launched:
    """The processes that `accelerate launch` or `torchrun` started, as Accelerate sees them."""

    def __init__(self) -> None:
        """Join the others: over gloo where there is no accelerator.

        Raises:
            UserError: Accelerate was told to divide the model or to shard by DeepSpeed, which the loop wouldn't follow.
        """
        from accelerate import PartialState

        for plugin in ("FSDP", "DEEPSPEED", "MEGATRON_LM"):
            if os.environ.get(f"ACCELERATE_USE_{plugin}", "false").lower() in ("1", "true", "yes"):
                raise UserError(
                    f"accelerate is set up for {plugin}, which passerelle adapt doesn't use: launch plain processes "
                    "(accelerate launch --multi_gpu, or torchrun), and give --fsdp true to divide the model."
                )
        self._state = PartialState(cpu=not torch.accelerator.is_available())

    @property
    def count(self) -> int:
        """How many processes there are."""
        return int(self._state.num_processes)

    @property
    def index(self) -> int:
        """Which one this is."""
        return int(self._state.process_index)

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return bool(self._state.is_main_process)

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        device: torch.device = self._state.device
        return device

    def total(self, *values: float) -> tuple[float, ...]:
        """Add values up over all processes."""
        if self.count == 1:
            return values
        summed = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(summed)
        return tuple(summed.tolist())

    def agree(self, value: bool) -> bool:
        """Whether a value is true for all processes."""
        (agreeing,) = self.total(float(value))
        return round(agreeing) == self.count

    def add_gradients(self, parameters: Sequence[Any]) -> None:
        """Add gradients up over all processes: as one flat tensor; those in pieces were averaged piece by piece."""
        if self.count == 1:
            return
        for piece in (p for p in parameters if is_piece(p) and p.grad is not None):
            piece.grad.mul_(self.count)
        parameters = self._with_gradients([p for p in parameters if not is_piece(p)])
        if not parameters:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([gradient.flatten().float() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        start = 0
        for parameter, gradient in zip(parameters, gradients, strict=True):
            part = flat[start : start + gradient.numel()]
            parameter.grad = part.view_as(gradient).to(gradient.dtype)
            start += gradient.numel()

    def _with_gradients(self, parameters: Sequence[Any]) -> list[Any]:
        """Return the parameters that have a gradient on some process: a zero would move it by momentum."""
        if not parameters:
            return []
        found = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        torch.distributed.all_reduce(found)
        return [parameter for parameter, count in zip(parameters, found.tolist(), strict=True) if count]

    def wait(self) -> None:
        """Wait until all are here."""
        self._state.wait_for_everyone()
