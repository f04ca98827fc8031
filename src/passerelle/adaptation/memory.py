"""What a stage takes in memory, said before its first step; what can't fit is refused, with what to change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from passerelle.adaptation.feed import RowFeed
from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.adaptation.settings import AdaptSettings, Optim, StageSettings
from passerelle.errors import UserError, first_line
from passerelle.machine import free_memory_bytes, processes_beside
from passerelle.models.conversing import Encoded
from passerelle.models.footprint import Footprint, language_footprint, mask_kind, picture_bytes, weight_bytes
from passerelle.models.layouts import Layout, lay_out
from passerelle.models.pretrained import PretrainedModel, set_checkpointing, set_training
from passerelle.models.sharding import own_piece
from passerelle.progress import say

_GIB = 2**30
_HEAVIEST = 3
"""Of so many batches the memory is worked out: those with most tokens, padded."""
_LOGIT_BYTES = 12
"""Of each logit at once: its likelihood, and two gradients, all in fp32."""
_SMALL = 4096
"""Parameters of fewer numbers have fp32 moments in bitsandbytes; larger ones a scale of four bytes for each 256."""
_ROOM = 0.9
"""Share of a GPU's free memory up to which layers keep everything by default."""


@dataclass(frozen=True)
class StageMemory:
    """What one process needs for a stage, in bytes.

    Attributes:
        weights: Of the model, frozen or not; they are in memory before the first step.
        optimizer: Moments, and fp32 masters of what isn't in fp32.
        gradients: Of what is trained, in fp32, as the optimizer takes them.
        layers: What the language model's layers keep for the backward pass.
        layers_again: The same with gradient_checkpointing.
        pictures: What tower and projector keep.
        head: Logits and their gradients.
        accumulated: Whether gradients of one batch wait while the next is computed.
    """

    weights: int
    optimizer: int
    gradients: int
    layers: int
    layers_again: int
    pictures: int
    head: int
    accumulated: bool

    def least(self, checkpointing: bool) -> int:
        """Return what is certainly needed beside the weights: gradients come when what was kept goes."""
        kept = self._kept(checkpointing)
        return self.optimizer + (kept + self.gradients if self.accumulated else max(kept, self.gradients))

    def likely(self, checkpointing: bool) -> int:
        """Return what is needed beside the weights if nothing goes before it has to, without what allocators hold."""
        return self.optimizer + self._kept(checkpointing) + self.gradients

    def _kept(self, checkpointing: bool) -> int:
        return (self.layers_again if checkpointing else self.layers) + self.pictures + self.head

    def __str__(self) -> str:
        layers = f"{_gib(self.layers)} ({_gib(self.layers_again)} with gradient_checkpointing)"
        parts = {"optimizer": self.optimizer, "gradients": self.gradients, "pictures": self.pictures, "head": self.head}
        said = ", ".join(f"{name} {_gib(value)}" for name, value in parts.items() if value)
        return f"weights {_gib(self.weights)}, layers {layers}, {said} GiB"


def prepare_memory(
    settings: AdaptSettings, stage: StageSettings, feed: RowFeed, groups: Sequence[ParameterGroup]
) -> dict[str, Any]:
    """Say what a stage will take, and let the model's layers be computed again where that is wanted or needed.

    Args:
        settings: Of the adaptation.
        stage: The stage; its adapters are in the model.
        feed: What it is shown.
        groups: What it trains.

    Returns:
        What was foreseen, in bytes, and whether layers are computed again; no bytes where the model doesn't let them
        be foreseen.

    Raises:
        UserError: Memory can't hold it.
    """
    wanted = settings.gradient_checkpointing
    model = feed.pretrained.model
    set_training(model, True)
    set_checkpointing(model, False)
    try:
        memory = foresee(feed, groups, settings)
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError) as error:
        say(f"stage {stage.name!r}: what it takes in memory can't be foreseen ({first_line(error)})")
        memory = None
    free = free_bytes(feed.pretrained.device)
    on = bool(wanted) if wanted is not None else _asks_for_less(memory, free, feed.pretrained.device)
    if memory is not None:
        say(f"stage {stage.name!r}: {_gib(memory.likely(on))} GiB or more beside the weights{_of(free)}: {memory}")
    if on and wanted is None:
        say("gradient_checkpointing: on, since this GPU wouldn't hold what the layers keep; false keeps it off")
    fits = memory is None or free is None or memory.least(on) <= free
    if settings.check_memory and not feed.processes.agree(fits) and memory is not None:
        raise UserError(_refusal(settings, stage, memory, on, free or 0))
    set_checkpointing(model, on)
    return {**(asdict(memory) if memory else {}), "gradient_checkpointing": on}


def foresee(feed: RowFeed, groups: Sequence[ParameterGroup], settings: AdaptSettings) -> StageMemory:
    """Work out what a stage takes, from its parameters and its heaviest batches.

    Args:
        feed: What the stage is shown.
        groups: What it trains; it requires gradients already.
        settings: Of the adaptation.
    """
    pretrained = feed.pretrained
    parameters = [own_piece(p.detach()) for group in groups for p in group.parameters.values()]
    head = pretrained.bare.get_output_embeddings().weight.shape[0] * _LOGIT_BYTES
    footprints: dict[object, Footprint] = {}
    found = [
        (
            *_layers_of(pretrained, layout, footprints),
            picture_bytes(pretrained, feed.vision, layout),
            len(layout.targets) * head,
        )
        for layout in (lay_out(pretrained, rows) for rows in _heaviest(feed, settings.auto_batch))
    ]
    layers, again, pictures, logits = max(found, key=sum)
    return StageMemory(
        weights=weight_bytes(pretrained),
        optimizer=sum(_state_bytes(parameter, settings.optim) for parameter in parameters),
        gradients=sum(4 * parameter.numel() for parameter in parameters),
        layers=layers,
        layers_again=min(again, layers),
        pictures=pictures,
        head=logits,
        accumulated=settings.gradient_accumulation_steps > 1,
    )


def free_bytes(device: torch.device) -> int | None:
    """Return what a device has free for this process; ``None`` where it can't be said."""
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + held
    free = free_memory_bytes() if device.type == "cpu" else None
    return free // processes_beside() if free is not None else None


def _layers_of(pretrained: PretrainedModel, layout: Layout, known: dict[object, Footprint]) -> tuple[int, int]:
    lines, width = layout.inputs["input_ids"].shape
    mask = layout.inputs.get("attention_mask")
    kind = mask_kind(mask)
    if kind not in known:
        known[kind] = language_footprint(pretrained, mask)
    footprint = known[kind]
    return footprint.kept(lines, width), footprint.kept(lines, width, checkpointing=True)


def _heaviest(feed: RowFeed, divided: bool) -> Iterator[list[Encoded]]:
    """Return the batches with most tokens, padded; one row of them where batches are divided if need be."""
    batches = [batch for step in feed.steps for batch in step]
    longest = {id(batch): max(len(feed.rows[index]) for index in batch) for batch in batches}
    batches.sort(key=lambda batch: len(batch) * longest[id(batch)], reverse=True)
    for batch in batches[:_HEAVIEST]:
        rows = [feed.rows[index] for index in batch]
        yield [max(rows, key=len)] if divided else rows


def _state_bytes(parameter: torch.Tensor, optim: Optim) -> int:
    numbers = parameter.numel()
    masters = 0 if parameter.dtype == torch.float32 else 4 * numbers
    if optim == "adamw_8bit" and numbers >= _SMALL:
        return masters + 2 * numbers + 8 * math.ceil(numbers / 256)
    return masters + 8 * numbers


def _asks_for_less(memory: StageMemory | None, free: int | None, device: torch.device) -> bool:
    if device.type != "cuda" or memory is None or free is None:
        return False
    return memory.likely(False) > _ROOM * free


def _refusal(settings: AdaptSettings, stage: StageSettings, memory: StageMemory, on: bool, free: int) -> str:
    ways = list(_ways(settings, stage, memory, on))
    return (
        f"stage {stage.name!r} doesn't fit into memory: it needs {_gib(memory.least(on))} GiB at least beside its "
        f"weights, and {_gib(free)} GiB are free ({memory}). Give {', or '.join(ways)}. To try it all the same: "
        "check_memory false."
    )


def _ways(settings: AdaptSettings, stage: StageSettings, memory: StageMemory, on: bool) -> Iterator[str]:
    """Return what would take less, what helps most first."""
    kept = memory.least(on) - memory.optimizer
    state = memory.optimizer + memory.gradients
    if not on and memory.layers_again < 0.8 * memory.layers:
        yield f"gradient_checkpointing true ({_gib(memory.least(True))} GiB)"
    if settings.per_device_train_batch_size > 1 and kept > memory.gradients:
        yield "a smaller per_device_train_batch_size with more gradient_accumulation_steps"
    if any(how.how == "full" for how in stage.train.values()) and state > kept:
        yield "LoRA in place of full training"
    if settings.optim == "adamw_torch_fused" and state > kept:
        yield "optim adamw_8bit"
    lora = all(how.how == "lora" for one in settings.stages for how in one.train.values())
    if lora and len(settings.stages) == 1 and not settings.bits and not settings.fsdp and memory.weights > kept:
        yield "load_in_4bit true"
    yield "a smaller max_length"


def _of(free: int | None) -> str:
    return f", {_gib(free)} GiB are free" if free is not None else ""


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.2f}"
