"""What a model is called: by a folder, a name on the Hugging Face Hub, or ``embedded``; and where its files are."""

from __future__ import annotations

from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from passerelle.config import check_place
from passerelle.errors import InputError, first_line
from passerelle.runs import content_hash, file_hash, read_json

EMBEDDED = "embedded"
"""The base that is put together from packages; the same on every machine, and on no Hub."""
_NOT_READ = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.gguf", "*.onnx", "original/*")
"""Files of the Hub's models that aren't needed: weights are read from safetensors alone."""
_SAYS_NOTHING = ("*.md", ".*", "*.log", "*.png", "*.jpg", "LICENSE*", *_NOT_READ)
_ADAPTER = "adapter_config.json"


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


def model_digest(folder: Path) -> str:
    """Return a hash of all files that a model's answers depend on, by content, and of those of an adapter's base.

    Args:
        folder: Of a model or an adapter: weights, configurations, template, tokenizer, processor, code.

    Raises:
        InputError: A file can't be read, or the base of an adapter can't be had.
    """
    base = _base_of(folder)
    return content_hash([_own_digests(folder), _own_digests(local_folder(base)) if base else []])


def content_digest(name: str | Path) -> str:
    """Return what a model's answers depend on: `model_digest`, or the version of the embedded base.

    Raises:
        InputError: There is no such model, or a file of it can't be read.
    """
    if str(name) != EMBEDDED:
        return model_digest(local_folder(name))
    from passerelle.example.embedded import base_folder

    return base_folder().name


def _own_digests(folder: Path) -> list[tuple[str, str]]:
    found = [path for pattern in ("*", "additional_chat_templates/*") for path in folder.glob(pattern)]
    read = [path for path in sorted(found) if path.is_file() and not _says_nothing(path.name)]
    try:
        return [(path.relative_to(folder).as_posix(), _digest(path)) for path in read]
    except OSError as error:
        raise InputError(f"can't read {error.filename!r} of the model {str(folder)!r}: {error.strerror}.") from None


def _says_nothing(name: str) -> bool:
    return name != "adapter_model.bin" and any(fnmatch(name, pattern) for pattern in _SAYS_NOTHING)


def _base_of(folder: Path) -> str:
    """Return what an adapter names as its base; nothing where there is none, which loading it will say."""
    config = read_json(folder / _ADAPTER)
    base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    return base if isinstance(base, str) else ""


def _digest(path: Path) -> str:
    stat = path.stat()
    return _digest_of(path.resolve(), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


@cache
def _digest_of(path: Path, *stat: int) -> str:
    """Return a file's hash, computed once: any change of its content changes its ctime."""
    return file_hash(path)
