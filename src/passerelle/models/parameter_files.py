"""Parameters as one safetensors file: whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from passerelle.runs import write_atomically


def save_parameters(path: Path, parameters: dict[str, Any]) -> None:
    """Write parameters as one safetensors file, atomically."""
    from safetensors.torch import save

    write_atomically(path, save({name: p.detach().contiguous() for name, p in parameters.items()}))


def load_parameters(path: Path, parameters: dict[str, Any]) -> bool:
    """Load what `save_parameters` wrote into the parameters; false, and nothing changed, where it isn't whole."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        saved = load_file(path)
    except (OSError, SafetensorError, ValueError):
        return False
    if saved.keys() != parameters.keys() or any(saved[n].shape != p.shape for n, p in parameters.items()):
        return False
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(saved[name])
    return True
