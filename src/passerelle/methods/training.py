"""The one training loop: it knows no method's name, only what is trainable and in which order it is shown what."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerelle.costs.ledger import FlopMeter
from passerelle.errors import TrainingError
from passerelle.models.prefix_tree import TokenSequence, TreeBatch, collate, grow_trees
from passerelle.models.vlm import VisionLanguageModel
from passerelle.runs import read_json, write_atomically, write_json

Example = Sequence[TokenSequence]
Watch = Callable[[int, int, float], None]
"""Called after each step with (step, steps, loss)."""
Objective = Callable[[Tensor, TreeBatch], Tensor]
"""From the log-likelihood of each target token [targets] and its batch to the loss."""


def mean_loss(logprobs: Tensor, batch: TreeBatch) -> Tensor:
    """Return the mean negative log-likelihood of the target tokens."""
    return -logprobs.mean()


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate, by name."""

    name: str
    parameters: dict[str, torch.nn.Parameter]
    learning_rate: float
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """How long and in which portions to train.

    Attributes:
        tokens: Budget: tokens that the language model computes, shared prefixes once.
        nodes_per_tree: Tokens of one row.
        trees_per_step: Rows of one step.
        warmup: Share of the steps in which the learning rate rises.
        final: Last learning rate as a share of the highest (cosine in between).
        clip: Largest norm of the gradient.
    """

    tokens: int
    nodes_per_tree: int = 96
    trees_per_step: int = 8
    warmup: float = 0.05
    final: float = 0.05
    clip: float = 1.0


@dataclass
class StageRecord:
    """What a stage did; `seconds_before` is the time of runs that were cut off before their last checkpoint."""

    name: str
    seconds_before: float = 0.0
    steps: int = 0
    samples: int = 0
    tokens: int = 0
    flops: float = 0.0
    trainable_parameters: int = 0
    learning_rates: dict[str, float] = field(default_factory=dict)
    loss: list[tuple[int, float]] = field(default_factory=list)

    def add_step(self, samples: int, tokens: int, loss: float) -> None:
        """Count a step that was taken."""
        self.steps += 1
        self.samples += samples
        self.tokens += tokens
        self.loss.append((self.steps, round(loss, 4)))


def plan(examples: Sequence[Example], image_token: int, schedule: Schedule) -> list[list[list[int]]]:
    """Divide examples, in their order, into steps of trees until the budget is spent.

    Returns:
        For each step, for each tree, the indices of its examples.
    """
    trees = grow_trees(examples, image_token, schedule.nodes_per_tree)
    steps = [trees[i : i + schedule.trees_per_step] for i in range(0, len(trees), schedule.trees_per_step)]
    planned, spent = [], 0
    for step in steps:
        if spent >= schedule.tokens:
            break
        planned.append(step)
        spent += len(step) * schedule.nodes_per_tree
    return planned


def rate(step: int, steps: int, schedule: Schedule) -> float:
    """Return the learning rate at `step` as a share of the highest: linear up, cosine down."""
    rising = max(1, round(schedule.warmup * steps))
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return schedule.final + (1 - schedule.final) * 0.5 * (1 + math.cos(math.pi * done))


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


def train_stage(
    model: VisionLanguageModel,
    name: str,
    groups: Sequence[ParameterGroup],
    examples: Sequence[Example],
    features: Tensor,
    schedule: Schedule,
    *,
    checkpoint: Path | None = None,
    checkpoint_steps: int = 25,
    objective: Objective = mean_loss,
    watch: Watch | None = None,
) -> StageRecord:
    """Train the given parameters, and nothing else, on examples in their order.

    Args:
        model: The model; parameters in `groups` are changed in place.
        name: Name of the stage, for its record.
        groups: What is trained, and how fast.
        examples: For each example its token sequences, which share a picture.
        features: Vision features [pictures, tokens, hidden].
        schedule: Budget and portions.
        checkpoint: Folder to save to and to go on from.
        checkpoint_steps: Steps from one checkpoint to the next.
        objective: What is made small.
        watch: Told the loss of each step.

    Returns:
        What was done: steps, tokens, operations, losses.

    Raises:
        TrainingError: The loss isn't finite, or there is nothing to train (on).
    """
    steps = plan(examples, model.image_token, schedule)
    record = StageRecord(name, learning_rates={group.name: group.learning_rate for group in groups})
    _prepare(model, groups, record)
    if not steps:
        raise TrainingError(f"stage {name!r} has no examples to train on.")
    optimizer = MasterAdamW(groups)
    meter = _resume(checkpoint, optimizer, record)
    start = time.perf_counter()
    for index in range(record.steps, len(steps)):
        batch = collate(
            [[s for example in tree for s in examples[example]] for tree in steps[index]],
            model.image_token,
            model.end_token,
        )
        loss = meter.run(batch.nodes, partial(_backward, model, batch, features, objective))
        _require_finite(loss, index + 1, record)
        optimizer.step(rate(index, len(steps), schedule), schedule.clip)
        record.add_step(sum(map(len, steps[index])), batch.nodes, loss)
        record.flops = meter.flops
        if checkpoint and (index + 1) % checkpoint_steps == 0 and index + 1 < len(steps):
            spent = record.seconds_before + time.perf_counter() - start
            _save(checkpoint, optimizer, replace(record, seconds_before=spent), meter)
        if watch:
            watch(index + 1, len(steps), loss)
    return record


def _prepare(model: VisionLanguageModel, groups: Sequence[ParameterGroup], record: StageRecord) -> None:
    model.model.requires_grad_(False)
    for group in groups:
        for parameter in group.parameters.values():
            parameter.requires_grad_(True)
            record.trainable_parameters += parameter.numel()
    if not record.trainable_parameters:
        raise TrainingError(f"stage {record.name!r} trains nothing: no parameter matches what it names.")


def _backward(model: VisionLanguageModel, batch: TreeBatch, features: Tensor, objective: Objective) -> float:
    loss = objective(model.target_logprobs(batch, features), batch)
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def _require_finite(loss: float, step: int, record: StageRecord) -> None:
    if not math.isfinite(loss):
        rates = ", ".join(f"{name}: {rate:g}" for name, rate in record.learning_rates.items())
        raise TrainingError(
            f"stage {record.name!r}: the loss at step {step} is {loss}. Lower its learning rate ({rates})."
        )


def _save(folder: Path, optimizer: MasterAdamW, record: StageRecord, meter: FlopMeter) -> None:
    from safetensors.torch import save

    path = folder / f"step-{record.steps}.safetensors"
    write_atomically(path, save(optimizer.state()))
    write_json(folder / "checkpoint.json", {"file": path.name, "record": asdict(record), "meter": asdict(meter)})
    for old in folder.glob("step-*"):
        if old != path:
            old.unlink(missing_ok=True)


def _resume(folder: Path | None, optimizer: MasterAdamW, record: StageRecord) -> FlopMeter:
    """Go on from the checkpoint, if there is a whole one.

    Returns:
        The meter as it was: a step that is counted rounds its gradients otherwise than one that isn't, so a
        training that goes on must count the steps that it would have counted.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    saved: dict[str, Any] | None = read_json(folder / "checkpoint.json") if folder else None
    if folder is None or saved is None:
        return FlopMeter()
    try:
        meter = FlopMeter(**saved["meter"])
        loaded = {**saved["record"], "loss": [tuple(point) for point in saved["record"]["loss"]]}
        optimizer.load_state(load_file(folder / saved["file"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError):
        return FlopMeter()
    for key, value in loaded.items():
        setattr(record, key, value)
    return meter
