"""Merge the weights of adapted models with those of their base, with no further training.

Merging with the weights from before the adaptation gives back some of what adapting took: language fidelity rises,
at some cost in vision (Pikabea et al., 2503.22577). The rules are in `passerelle.models.merging.rules`. Everything is
computed in fp32 (fp64 where a tensor is fp64) and returned in the dtype of the first adapted model.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.models.merging.rules import RULES, MergeSettings
from passerelle.models.merging.weight_files import INDEX, WeightFiles
from passerelle.runs import flush_to_disk, remove_parts_of_dead, written_beside

FLOATS = {torch.float64, torch.float32, torch.float16, torch.bfloat16}
COPIED = {".json", ".jinja", ".model", ".tiktoken", ".txt"}
NOT_COPIED = {"adapter_config.json", "trainer_state.json"}
TEMPLATES = "additional_chat_templates"


class MergeSummary(NamedTuple):
    """What a merge did.

    Attributes:
        merged: Names of the tensors that were merged, in the order of the files.
        kept: Names of those taken as they are from the first adapted model.
        parameters: How many numbers were merged.
    """

    merged: tuple[str, ...]
    kept: tuple[str, ...]
    parameters: int


def merge_state_dicts(
    base: Mapping[str, Tensor],
    adapted: Sequence[Mapping[str, Tensor]],
    *,
    method: str,
    settings: MergeSettings | None = None,
    pattern: str | None = None,
) -> dict[str, Tensor]:
    """Merge state dicts in memory.

    Args:
        base: The weights from before the adaptation.
        adapted: Those of one or more adapted models.
        method: Name of a rule: a key of `RULES`.
        settings: How far and how.
        pattern: Full-name pattern of the tensors to merge; all without it. The others are the first adapted model's.

    Raises:
        ConfigError: The method is unknown, or doesn't go with the settings or the number of models.
        InputError: Names, shapes or values don't allow it; the message names the tensor.
    """
    settings = settings or MergeSettings()
    check_method(method, settings, len(adapted))
    shapes = [{name: tuple(tensor.shape) for name, tensor in weights.items()} for weights in (base, *adapted)]
    chosen = set(matching_names(shapes, _labels(len(adapted)), pattern))
    return {
        name: merge_tensor(name, base[name], [weights[name] for weights in adapted], method, settings)
        if name in chosen
        else tensor
        for name, tensor in adapted[0].items()
    }


def merge_checkpoints(
    base: Path,
    adapted: Sequence[Path],
    out: Path,
    *,
    method: str,
    settings: MergeSettings | None = None,
    pattern: str | None = None,
) -> MergeSummary:
    r"""Merge checkpoints into a new folder, which appears whole or not at all, and which `from_pretrained` loads.

    The folders hold safetensors, in one file or in shards, cut alike or not. The result is the first adapted model's
    files, with the tensors that match the pattern overwritten: what doesn't match (the vision tower, the projector)
    stays as it is there to the bit. Its configuration, tokenizer, processor and chat templates are copied too.
    Memory holds one tensor of each model at a time.

    Args:
        base: Folder of the model from before the adaptation.
        adapted: Folders of one or more adapted models, whole ones: adapters are to be merged into their base first.
        out: Folder to write; it mustn't exist, or be empty.
        method: Name of a rule: a key of `RULES`.
        settings: How far and how.
        pattern: Full-name pattern of the tensors to merge, as in ``language_model\..*``; all without it. Names in files
            aren't always those of modules: `passerelle.models.merging.weight_files.pattern_in_files` turns one into
            the other.

    Raises:
        ConfigError: The method is unknown, or doesn't go with the settings or the number of models.
        InputError: A folder, names, shapes or values don't allow it; the message names the tensor.
        StorageError: The disk is full, or the folder can't be written.
    """
    settings = settings or MergeSettings()
    check_method(method, settings, len(adapted))
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{str(out)!r} exists already: name another folder, or delete it.")
    models = [WeightFiles(folder) for folder in (base, *adapted)]
    shapes = [{name: entry.shape for name, entry in model.entries.items()} for model in models]
    chosen = matching_names(shapes, [repr(str(model.folder)) for model in models], pattern)
    remove_parts_of_dead(out)
    with written_beside(out) as beside:
        beside.mkdir()
        _copy_configuration(models[1], beside)
        for file in models[1].files:
            shutil.copyfile(adapted[0] / file, beside / file)
            _merge_file(
                beside / file, [name for name in chosen if models[1][name].file == file], models, method, settings
            )
    kept = tuple(name for name in models[1].entries if name not in set(chosen))
    return MergeSummary(tuple(chosen), kept, sum(torch.Size(shapes[1][name]).numel() for name in chosen))


def _merge_file(
    path: Path, names: Sequence[str], models: Sequence[WeightFiles], method: str, settings: MergeSettings
) -> None:
    """Overwrite tensors in a copy of the first adapted model's file: sizes and header stay as they are."""
    with path.open("r+b") as file:
        for name in names:
            file.seek(models[1][name].start)
            file.write(_merged_bytes(name, models, method, settings))
        flush_to_disk(file)


def _merged_bytes(name: str, models: Sequence[WeightFiles], method: str, settings: MergeSettings) -> memoryview:
    base, *adapted = (model.read(name) for model in models)
    merged = merge_tensor(name, base, adapted, method, settings)
    return merged.contiguous().flatten().view(torch.uint8).numpy().data


def _copy_configuration(source: WeightFiles, target: Path) -> None:
    left_out = NOT_COPIED if source.indexed else NOT_COPIED | {INDEX}
    for path in sorted(source.folder.iterdir()):
        if path.is_file() and path.suffix in COPIED and path.name not in left_out:
            shutil.copyfile(path, target / path.name)
    if (source.folder / TEMPLATES).is_dir():
        shutil.copytree(source.folder / TEMPLATES, target / TEMPLATES)


def merge_tensor(name: str, base: Tensor, adapted: Sequence[Tensor], method: str, settings: MergeSettings) -> Tensor:
    """Merge one tensor of each model, checked; computed in fp32 or wider, returned in the first adapted model's dtype.

    Tensors of whole numbers (position tables) must be equal in all models, and stay.

    Raises:
        InputError: A value isn't finite, before or after, or the dtype can't be merged.
    """
    tensors = (base, *adapted)
    labels = _labels(len(adapted))
    whole_numbers = not any(tensor.is_floating_point() or tensor.is_complex() for tensor in tensors)
    if whole_numbers and all(torch.equal(base, tensor) for tensor in adapted):
        return adapted[0]
    for tensor, label in zip(tensors, labels, strict=True):
        if tensor.dtype not in FLOATS:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise InputError(
                f"can't merge {name!r}: it is {kind} in {label}; save the model in bfloat16, float16 or float32 first."
            )
        if not tensor.isfinite().all():
            raise InputError(
                f"can't merge {name!r}: it has values that aren't finite in {label}; is its training whole?"
            )
    wide = torch.float64 if torch.float64 in {tensor.dtype for tensor in tensors} else torch.float32
    merged = RULES[method].merge(name, base.to(wide), [tensor.to(wide) for tensor in adapted], settings)
    merged = merged.to(adapted[0].dtype)
    if not merged.isfinite().all():
        raise InputError(
            f"merging {name!r} gives values too large for {merged.dtype}; choose a smaller weight or drop."
        )
    return merged


def check_method(method: str, settings: MergeSettings, models: int) -> None:
    """Check that a rule, its settings and the number of adapted models go together.

    Raises:
        ConfigError: They don't; or there is no such rule.
    """
    if method not in RULES:
        raise ConfigError(unknown("way to merge", method, RULES))
    for name in sorted(settings.model_fields_set - set(RULES[method].settings)):
        raise ConfigError(f"{method} has no setting {name!r}; it takes {', '.join(RULES[method].settings)}.")
    if not models:
        raise ConfigError("nothing to merge: give one adapted model or more.")
    if settings.shares and (
        len(settings.shares) != models or not all(0 < share < float("inf") for share in settings.shares)
    ):
        raise ConfigError(
            f"shares {list(settings.shares)} must be {models} numbers above zero, one for each adapted model."
        )
    if method == "direction-magnitude" and models > 1:
        raise ConfigError(
            f"direction-magnitude merges one adapted model, not {models}; for several take linear, ties or dare."
        )
    if method == "direction-magnitude" and settings.weight > 1:
        raise ConfigError(f"direction-magnitude takes a weight from 0 to 1, not {settings.weight}.")
    _pattern("token_tables", settings.token_tables)


def matching_names(shapes: Sequence[Mapping[str, Any]], labels: Sequence[str], pattern: str | None) -> list[str]:
    """Return the names to merge, in the order of the first adapted model.

    Args:
        shapes: Shape of each tensor by name: of the base, then of each adapted model.
        labels: What to call each model in an error.
        pattern: Full-name pattern; everything without it.

    Raises:
        ConfigError: The pattern isn't a regular expression.
        InputError: The pattern matches nothing, or a tensor is missing or shaped otherwise in one of the models.
    """
    expression = _pattern("pattern", pattern if pattern is not None else ".*")
    chosen = [[name for name in names if expression.fullmatch(name)] for names in shapes]
    first = chosen[1]
    if not first:
        near = next(iter(shapes[1]), "none")
        raise InputError(f"no tensor of {labels[1]} matches {pattern!r} in full; a name there is {near!r}.")
    for names, own, label in zip(shapes, chosen, labels, strict=True):
        missing = next((name for name in first if name not in names), None)
        if missing:
            raise InputError(f"can't merge {missing!r}: {label} has no such tensor; merge models of one architecture.")
        extra = next((name for name in own if name not in shapes[1]), None)
        if extra:
            raise InputError(
                f"can't merge {extra!r}: only {label} has it, not {labels[1]}; merge models of one architecture."
            )
        other = next((name for name in first if names[name] != shapes[1][name]), None)
        if other:
            there, here = list(names[other]), list(shapes[1][other])
            raise InputError(f"can't merge {other!r}: its shape is {there} in {label} but {here} in {labels[1]}.")
    return first


def _pattern(setting: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"{setting} {pattern!r} isn't a regular expression: {error}.") from None


def _labels(models: int) -> list[str]:
    return ["the base", *("the adapted model" if models == 1 else f"adapted model {n}" for n in range(1, models + 1))]
