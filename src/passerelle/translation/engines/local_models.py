"""Models of transformers that translate in this process: where they are, on what they run, what they are called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.config import check_place
from passerelle.errors import ConfigError, MissingDependency, unknown
from passerelle.translation.engines.inner_texts import model_digest

if TYPE_CHECKING:
    import torch

NUMBER_TYPES = ("auto", "float32", "bfloat16", "float16")


def chosen_device(named: str) -> str:
    """Return the device of a name; ``auto`` is a GPU where there is one."""
    import torch

    return ("cuda" if torch.cuda.is_available() else "cpu") if named == "auto" else named


def number_type(named: str, device: str) -> torch.dtype:
    """Return the number type of a name; ``auto`` is bfloat16 on a GPU that can, else float32.

    Raises:
        ConfigError: There is no such type.
    """
    import torch

    if named not in NUMBER_TYPES:
        raise ConfigError(unknown("number type", named, NUMBER_TYPES))
    if named == "auto":
        fast = device == "cuda" and torch.cuda.is_bf16_supported()
        named = "bfloat16" if fast else "float32"
    found: torch.dtype = getattr(torch, named)
    return found


def find_model(model: str, example: str) -> tuple[str, str]:
    """Return where a model is loaded from, and what to do where that fails.

    Args:
        model: A folder, or a name on the model hub.
        example: Such a name, for messages.

    Raises:
        MissingDependency: There is no such folder.
        InputError: There is no such folder, and it can't be a name on the hub.
    """
    folder = Path(model).expanduser()
    if model.startswith((".", "/", "~")) and not folder.is_dir():
        raise MissingDependency(
            f"no model folder {model!r}. Get one, for example with: hf download {example} --local-dir {model}"
        )
    if "/" in model:
        check_place(model)
    if folder.is_dir():
        return str(folder), "Name a folder that holds one."
    return model, f"Try: hf download {model}"


def signature_of(model: Any, named: str) -> str:
    """Return what a loaded model's answers hang on: version, name with digest or commit, number type, device.

    Args:
        model: The model.
        named: Its folder, or its name on the model hub.
    """
    import transformers

    folder = Path(named).expanduser()
    if folder.is_dir():
        which = f"{folder.resolve().name} {model_digest(folder)}"
    else:
        which = f"{named}@{getattr(model.config, '_commit_hash', None) or 'unknown'}"
    return (
        f"transformers {transformers.__version__} {which} {str(model.dtype).removeprefix('torch.')} {model.device.type}"
    )
