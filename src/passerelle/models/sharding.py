"""The weights of the language model's layers divided among processes, each of which computes other samples.

Fully sharded data parallel (FSDP, 2304.11277), by torch's `fully_shard`: a layer's weights are gathered when it is
computed, and its gradients are added up piece by piece. Tower, projector, embeddings and head, which are called from
several places, stay whole on each process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from passerelle.errors import ConfigError
from passerelle.models.pretrained import PretrainedModel


def shard(pretrained: PretrainedModel, device: torch.device, processes: int) -> None:
    """Divide the layers of the language model, adapters included, and put all of the model on the device.

    Parameters become other objects: look them up by name again.

    Args:
        pretrained: The model, on the CPU, with what is trained requiring gradients.
        device: Of this process.
        processes: How many there are; torch.distributed is set up.

    Raises:
        ConfigError: The language model isn't a list of layers.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    language = pretrained.family.module(pretrained.bare, "language")
    layers = next((module for module in language.children() if isinstance(module, torch.nn.ModuleList)), None)
    if layers is None:
        raise ConfigError(f"fsdp: the language model of {pretrained.family.name!r} has no list of layers to divide.")
    mesh = init_device_mesh(device.type, (processes,))
    policy = MixedPrecisionPolicy(reduce_dtype=torch.float32)
    inside = {parameter for layer in layers for parameter in layer.parameters()}
    outside = {parameter for parameter in language.parameters() if parameter not in inside}
    for layer in layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(language, mesh=mesh, mp_policy=policy, ignored_params=outside)
    pretrained.model.to(device)


def is_piece(tensor: Tensor) -> bool:
    """Whether a tensor is divided among processes."""
    return hasattr(tensor, "full_tensor")


def own_piece(tensor: Any) -> Tensor:
    """Return this process's piece of a tensor; all of one that isn't divided. It shares the tensor's memory."""
    piece: Tensor = tensor.to_local() if is_piece(tensor) else tensor
    return piece


def gathered(parameters: Mapping[str, Any], keep: bool) -> dict[str, Tensor]:
    """Return parameters as whole tensors on the CPU, one after the other; all processes have to call it.

    Args:
        parameters: The parameters.
        keep: Whether this process is one that wants them; it gets nothing otherwise.
    """
    found = {}
    for name, parameter in parameters.items():
        whole = parameter.detach().full_tensor() if is_piece(parameter) else parameter.detach()
        if keep:
            found[name] = whole.cpu()
    return found


def held_numbers(parameters: Iterable[Tensor]) -> int:
    """Return how many numbers of the parameters this process holds."""
    return sum(own_piece(parameter.detach()).numel() for parameter in parameters)
