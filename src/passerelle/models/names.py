"""What a model is called: by a folder, a name on the Hugging Face Hub, or ``embedded``; and where its files are."""

from __future__ import annotations

from pathlib import Path

from passerelle.config import check_place
from passerelle.errors import InputError, first_line

EMBEDDED = "embedded"
"""The base that is put together from packages; the same on every machine, and on no Hub."""
_NOT_READ = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.gguf", "*.onnx", "original/*")
"""Files of the Hub's models that aren't needed: weights are read from safetensors alone."""


def resolve(name: str | Path) -> str:
    """Return what transformers loads a model by: its folder, or its name on the Hub.

    The embedded base is put together first, unless it is there.

    Raises:
        InputError: There is no such folder, and no name on the Hub is written so.
    """
    if str(name) != EMBEDDED:
        check_place(str(name))
        return str(name)
    from passerelle.example.embedded import assemble

    return str(assemble())


def local_folder(name: str | Path) -> Path:
    """Return the folder of a model's files; what is on the Hub alone is downloaded into the Hub's own cache.

    Raises:
        InputError: There is no such folder and no such name on the Hub, it may not be read, or can't be reached.
    """
    where = resolve(name)
    return Path(where) if Path(where).is_dir() else _from_hub(where)


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, ignore_patterns=list(_NOT_READ)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"there is no folder {name!r}, and no model of this name can be had from the Hugging Face Hub: "
            f"{first_line(error)}"
        ) from error
