"""A checkpoint's safetensors files, in one file or in shards: what they hold, and one tensor at a time from them."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from passerelle.errors import InputError

SINGLE_FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER_FILE = "adapter_model.safetensors"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
HEADER_LENGTH = struct.Struct("<Q")
"""A safetensors file begins with the length of its header in 8 bytes, little-endian; see the format's README."""


class TensorEntry(NamedTuple):
    """What a file's header says of a tensor.

    Attributes:
        file: Name of the file that holds it.
        dtype: The format's own name, as in ``BF16``.
        shape: Its shape.
        start: First byte in the file.
        end: Byte after its last one.
    """

    file: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class WeightFiles:
    """The weights in a folder that `save_pretrained` wrote.

    Attributes:
        folder: The folder.
        indexed: Whether an index names the files; a single file goes before an index.
        files: Names of the safetensors files, in order.
        entries: What each tensor is, by name.

    Raises:
        InputError: There are no safetensors weights, or they are broken, or they aren't those that the index names.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        index = folder / INDEX
        self.indexed = index.is_file() and not (folder / SINGLE_FILE).is_file()  # transformers' own order
        if not self.indexed and not (folder / SINGLE_FILE).is_file():
            raise InputError(_no_weights(folder))
        places = read_index(index) if self.indexed else {}
        self.files = sorted(set(places.values())) if self.indexed else [SINGLE_FILE]
        self.entries = {name: entry for file in self.files for name, entry in _read_header(folder / file)}
        wrong = sorted(name for name, file in places.items() if name not in self.entries or self[name].file != file)
        wrong += sorted(self.entries.keys() - places.keys()) if self.indexed else []
        if wrong:
            raise InputError(f"{str(index)!r} doesn't agree with its files on {wrong[0]!r}: save the model again.")

    def __getitem__(self, name: str) -> TensorEntry:
        return self.entries[name]

    def read(self, name: str) -> Tensor:
        """Read one tensor."""
        with _opened(self.folder / self[name].file) as file:
            tensor: Tensor = file.get_tensor(name)
        return tensor


def pattern_in_files(model: Any, pattern: str) -> str:
    """Return the full-name pattern of the tensors that a model's parameters are in its files.

    transformers saves many models under the names that they had in their first release: the module
    ``model.language_model.layers.0`` of LLaVA is ``language_model.model.layers.0`` in the files, that of Qwen2-VL is
    ``model.layers.0``. The pattern matches both kinds of name.

    Args:
        model: A transformers model; one on the meta device will do, and takes no memory.
        pattern: Full-name pattern of its parameters.

    Raises:
        InputError: The pattern matches nothing.
    """
    from transformers.core_model_loading import revert_weight_conversion

    weights = {name: tensor for name, tensor in model.state_dict().items() if re.fullmatch(pattern, name)}
    if not weights:
        near = next(iter(model.state_dict()), "none")
        raise InputError(f"no parameter matches {pattern!r} in full; a name in this model is {near!r}.")
    names = {*weights, *revert_weight_conversion(model, dict(weights))}
    return "|".join(re.escape(name) for name in sorted(names))


@contextmanager
def published_names(model: Any) -> Iterator[None]:
    """Have transformers save a model's tensors under the names of its family's published checkpoints.

    transformers gives a model the names of the files that it was loaded from. Where these lacked the outermost name of
    a tower (``vision_model`` of CLIP's), as those do that transformers 5 wrote of a model that it had built itself, it
    would leave it out again: transformers finds the tensors then, and servers refuse them.

    Args:
        model: A transformers model; it is left as it was.
    """
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import PrefixChange

    def of_tower(change: Any) -> bool:
        below = isinstance(change, PrefixChange) and change.prefix_to_remove and change.scope_prefix
        return bool(below) and not str(change.scope_prefix).startswith("language_model")

    known = get_model_conversion_mapping(model, add_legacy=False)
    towers = [change for change in known if of_tower(change)]
    before = getattr(model, "_weight_conversions", None)
    # Of a model that was built, not loaded, nothing says which outermost names its files have: transformers' own rule.
    others = before if before is not None else [change for change in known if not isinstance(change, PrefixChange)]
    if not towers:
        yield
        return
    model._weight_conversions = [*(change for change in others if not of_tower(change)), *towers]
    try:
        yield
    finally:
        if before is None:
            del model._weight_conversions
        else:
            model._weight_conversions = before


def _no_weights(folder: Path) -> str:
    where = repr(str(folder))
    if not folder.is_dir():
        return f"no folder {where}: give the folder that the model's save_pretrained wrote."
    if (folder / ADAPTER_FILE).is_file():
        return (
            f"{where} holds an adapter, not a whole model: merge it into its base (PEFT's merge_and_unload) and save "
            "that with save_pretrained first."
        )
    if pickled := next((path.name for kind in PICKLES for path in sorted(folder.glob(kind))), None):
        return (
            f"{where} holds its weights as {pickled!r}, a pickle, which may run code when it is read: load it where it "
            "is trusted, write it again with save_pretrained, which writes safetensors, and give that folder."
        )
    return f"{where} holds neither {SINGLE_FILE} nor {INDEX}: give the folder that the model's save_pretrained wrote."


def read_index(path: Path) -> dict[str, str]:
    """Return the file of each tensor; a file must lie in the index's own folder.

    Raises:
        InputError: It is no index, or names files that lie elsewhere or aren't there.
    """
    try:
        places = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        files = set(places.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{str(path)!r} isn't an index of safetensors files: save the model again.") from None
    for file in sorted(files, key=str):
        if not isinstance(file, str) or not re.fullmatch(r"[\w-][\w.-]*\.safetensors", file):
            raise InputError(f"{str(path)!r} names {file!r}; only safetensors files beside it are read.")
        if not (path.parent / file).is_file():
            raise InputError(f"{str(path)!r} names {file!r}, which isn't there: copy it, or save the model again.")
    return dict(places)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a safetensors file; its own checks find a header that is broken and a file that is cut short."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise InputError(f"can't read {str(path)!r}: {error}. Copy it, or save the model, again.") from None


def _read_header(path: Path) -> Iterator[tuple[str, TensorEntry]]:
    with _opened(path), path.open("rb") as file:
        (length,) = HEADER_LENGTH.unpack(file.read(HEADER_LENGTH.size))
        header = json.loads(file.read(length))
    data = HEADER_LENGTH.size + length
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            yield name, TensorEntry(path.name, entry["dtype"], tuple(entry["shape"]), data + start, data + end)
