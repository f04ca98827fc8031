"""Tensors as one safetensors file with a checksum of what it holds: whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.runs import write_atomically

if TYPE_CHECKING:
    from torch import Tensor

_CHECKSUM = "sha256"


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as one safetensors file, atomically, with their checksum.

    Raises:
        StorageError: The disk is full, or the folder can't be written.
    """
    from safetensors.torch import save

    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(held, {_CHECKSUM: tensors_digest(held)}))


def load_tensors(path: Path) -> dict[str, Tensor] | None:
    """Return what `save_tensors` wrote; ``None`` where the file is missing, cut short or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            written = (file.metadata() or {}).get(_CHECKSUM)
    except (OSError, SafetensorError, ValueError):
        return None
    return found if written == tensors_digest(found) else None


def load_parameters(path: Path, parameters: dict[str, Any]) -> bool:
    """Load what `save_tensors` wrote into the parameters; false, and nothing changed, where it isn't whole."""
    import torch

    saved = load_tensors(path)
    if saved is None or saved.keys() != parameters.keys():
        return False
    if any(saved[name].shape != parameter.shape for name, parameter in parameters.items()):
        return False
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(saved[name])
    return True


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return a hash of tensors on the CPU: their names, types, shapes and numbers."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
