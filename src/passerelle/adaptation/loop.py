"""The one training loop: it knows no method and no model, only what is trainable and the parts of each step's loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from passerelle.adaptation.checkpoints import Checkpoints
from passerelle.adaptation.optimizer import MasterAdamW, ParameterGroup
from passerelle.adaptation.processes import ALONE, Processes
from passerelle.adaptation.settings import Optim
from passerelle.costs.clocks import Stopwatch, Took
from passerelle.costs.flops import ByPart, FlopMeter, scaled
from passerelle.costs.limits import is_spent, require_allowance
from passerelle.errors import TrainingError

_COUNTED = 50
"""Operations are counted in one of so many batches: counting doubles a batch's time."""
Watch = Callable[[int, int, float], None]
"""Called after each step with (step, steps, loss)."""
Monitor = Callable[[int, int], bool]
"""Called after each step with (step, steps); true ends the stage."""


Trial = Callable[["StageRecord"], None]
"""Told after each step of a trial what its stage did so far."""


class Part(Protocol):
    """A piece of a step that is computed at once."""

    @property
    def samples(self) -> int:
        """Samples in it."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens that the language model computes for it, without padding."""
        ...

    def loss(self) -> Tensor:
        """Return its share of the step's loss: the shares of all parts, on all processes, add up to it."""
        ...

    def while_computed(self) -> None:
        """Do what can be done before a GPU has computed it, after its backward was begun."""
        ...

    def halves(self) -> Sequence[Part]:
        """Return two parts with half of its samples each, for want of memory; nothing where it can't be divided."""
        ...


class Feed(Protocol):
    """What a stage is shown, step by step."""

    def __len__(self) -> int:
        """Steps."""
        ...

    def parts(self, step: int) -> Iterable[Part]:
        """Return the parts of a step that this process computes."""
        ...


@dataclass(frozen=True)
class Rates:
    """How the learning rate goes over the steps of a stage.

    Attributes:
        warmup: Share of the steps in which it rises.
        final: The last one as a share of the highest.
        clip: Largest norm of the gradient.
        shape: How it falls from the highest to the last.
    """

    warmup: float = 0.05
    final: float = 0.05
    clip: float = 1.0
    shape: str = "cosine"

    def share(self, step: int, steps: int) -> float:
        """Return the learning rate at `step` as a share of the highest: linear up, then down by its shape."""
        rising = max(1, round(self.warmup * steps))
        if step < rising:
            return (step + 1) / rising
        done = (step - rising) / max(1, steps - rising)
        falling = {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}[self.shape]
        return self.final + (1 - self.final) * falling


@dataclass
class StageRecord:
    """What a stage did; what begins with `took_before` is of runs that were cut off, up to their last checkpoint."""

    name: str
    seconds_before: float = 0.0
    took_before: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    samples: int = 0
    tokens: int = 0
    flops: float = 0.0
    flops_by_part: ByPart = field(default_factory=dict)
    trainable_parameters: int = 0
    learning_rates: dict[str, float] = field(default_factory=dict)
    loss: list[tuple[int, float]] = field(default_factory=list)

    def add_step(self, samples: int, tokens: int, loss: float) -> None:
        """Count a step that was taken."""
        self.steps += 1
        self.samples += samples
        self.tokens += tokens
        self.loss.append((self.steps, round(loss, 4)))


def train(
    feed: Feed,
    groups: Sequence[ParameterGroup],
    record: StageRecord,
    rates: Rates,
    *,
    checkpoints: Checkpoints | None = None,
    watch: Watch | None = None,
    monitor: Monitor | None = None,
    processes: Processes = ALONE,
    divide: bool = False,
    seed: int | None = None,
    optim: Optim = "adamw_torch_fused",
    modules: Mapping[Any, str] | None = None,
) -> StageRecord:
    """Train the parameters of `groups`, which require gradients already, and nothing else.

    Args:
        feed: What the stage is shown.
        groups: What is trained, and how fast.
        record: Is filled with what was done.
        rates: The learning rate over the steps.
        checkpoints: Where to save to and to go on from.
        watch: Told the loss of each step.
        monitor: Asked after each step whether the stage ends here.
        processes: Which share the steps' parts among them.
        divide: Halve a part that memory doesn't hold, and go on.
        seed: Seeds what is drawn in each step, such as dropout, anew: a step that is taken after a kill draws what it
            would have drawn; ``None`` where nothing is drawn.
        optim: Which optimizer takes the steps.
        modules: The part of the model that each module belongs to, by which operations are told apart.

    Returns:
        `record`: steps, tokens, operations, losses.

    Raises:
        TrainingError: The loss isn't finite, there is nothing to train on, or memory doesn't hold a part.
        LimitReached: A limit leaves no room for another step; what is done is in the checkpoint.
    """
    if not len(feed):
        raise TrainingError(f"stage {record.name!r} has no examples to train on.")
    record.learning_rates = {group.name: group.learning_rate for group in groups}
    optimizer = MasterAdamW(groups, processes, optim)
    known = checkpoints.load(optimizer, record, processes) if checkpoints else None
    meter = known or FlopMeter(every=_COUNTED)
    meter.tell_apart(modules or {})
    watch_of_stage = Stopwatch()
    for index in range(record.steps, len(feed)):
        if seed is not None:
            torch.manual_seed((seed * len(feed) + index) * processes.count + processes.index)
        loss, samples, tokens = processes.total(*_step(feed.parts(index), meter, record.name, divide))
        _require_finite(loss, index + 1, record)
        processes.add_gradients(optimizer.parameters)
        optimizer.step(rates.share(index, len(feed)), rates.clip)
        record.add_step(round(samples), round(tokens), loss)
        record.flops = meter.flops * processes.count
        record.flops_by_part = scaled(meter.flops_by_part, processes.count)
        is_last, stops = index + 1 == len(feed), is_spent()
        if checkpoints and not is_last and (stops or (index + 1) % checkpoints.steps == 0):
            checkpoints.save(optimizer, record, meter, Took(**record.took_before) + watch_of_stage.took(), processes)
        if stops and not is_last:
            require_allowance()
        if watch:
            watch(index + 1, len(feed), loss)
        if monitor and monitor(index + 1, len(feed)):
            break
    return record


def make_trainable(model: Any, groups: Sequence[ParameterGroup], record: StageRecord) -> None:
    """Let the parameters of `groups` require gradients, and no other of the model.

    Raises:
        TrainingError: There are none.
    """
    model.requires_grad_(False)
    for group in groups:
        for parameter in group.parameters.values():
            parameter.requires_grad_(True)
            record.trainable_parameters += parameter.numel()
    if not record.trainable_parameters:
        raise TrainingError(f"stage {record.name!r} trains nothing: no parameter matches what it names.")


def _step(parts: Iterable[Part], meter: FlopMeter, stage: str, divide: bool) -> tuple[float, float, float]:
    loss = samples = tokens = 0.0
    for part in parts:
        loss += _backward(part, meter, stage, divide)
        samples += part.samples
        tokens += part.tokens
    return loss, samples, tokens


def _backward(part: Part, meter: FlopMeter, stage: str, divide: bool) -> float:
    try:
        return meter.run(part.tokens, partial(_descend, part))
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        halves = part.halves() if divide else ()
        if not halves:
            raise TrainingError(
                f"stage {stage!r}: memory doesn't hold a batch of {part.samples} samples. Lower "
                "per_device_train_batch_size and raise gradient_accumulation_steps by as much, or give --auto-batch."
            ) from error
    return sum(_backward(half, meter, stage, divide) for half in halves)


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(
        sign in str(error) for sign in ("out of memory", "not enough memory", "can't allocate memory")
    )


def _descend(part: Part) -> float:
    loss = part.loss()
    if not loss.requires_grad:
        raise TrainingError("nothing of what is trained has a part in the loss: does the model use those layers?")
    loss.backward()  # type: ignore[no-untyped-call]
    part.while_computed()
    return float(loss.detach())


def _require_finite(loss: float, step: int, record: StageRecord) -> None:
    if not math.isfinite(loss):
        rates = ", ".join(f"{name}: {rate:g}" for name, rate in record.learning_rates.items())
        raise TrainingError(
            f"stage {record.name!r}: the loss at step {step} is {loss}. Lower its learning rate ({rates})."
        )
