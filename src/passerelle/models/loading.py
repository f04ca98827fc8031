"""What can be wrong with a model's or an adapter's files: said in our words, before anything is computed with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.errors import InputError, MissingDependency, PasserelleError, first_line, to_install

if TYPE_CHECKING:
    from peft import PeftModel

_SHOWN = 3
"""Tensors of a kind that a message names."""


_ADVICE = "Give a folder that save_pretrained wrote (with safetensors), or a name on the Hugging Face Hub."


@contextmanager
def errors_of_model(where: str, kind: str = "a vision-language model", advice: str = _ADVICE) -> Iterator[None]:
    """Say what is wrong with a model that transformers can't load.

    Args:
        where: What it is loaded from.
        kind: What it should be.
        advice: What to do.

    Raises:
        InputError: Its files are missing, broken or of another kind.
        MissingDependency: It needs a package that isn't installed.
    """
    try:
        yield
    except (PasserelleError, MemoryError):
        raise
    except ImportError as error:
        raise MissingDependency(f"the processor of {where!r} needs {_wanted(error)}") from error
    except Exception as error:  # broken files make it raise anything
        _raise_again(error)
        raise InputError(f"can't load {where!r} as {kind}: {_said(error)} {advice}") from error


def _wanted(error: ImportError) -> str:
    if "torchvision" in str(error).lower():
        return "torchvision, which isn't installed: pip install torchvision, of the release that goes with your torch."
    how = f" Install it: {to_install('smolvlm')}" if "num2words" in str(error) else ""
    return f"a package: {first_line(error)}{how}"


@contextmanager
def errors_of_adapter(folder: Path, base: str = "") -> Iterator[None]:
    """Say what is wrong with an adapter that PEFT can't load.

    Raises:
        InputError: Its files are missing or broken, or it doesn't fit its base.
    """
    try:
        yield
    except (PasserelleError, MemoryError):
        raise
    except Exception as error:  # broken files make it raise anything
        _raise_again(error)
        what = f"the adapter in {str(folder)!r} doesn't fit its base {base!r}" if base else _unread(folder)
        raise InputError(f"{what}: {_said(error)}") from error


def _unread(folder: Path) -> str:
    return f"can't read the adapter in {str(folder)!r}, which PEFT's save_pretrained should have written"


def _said(error: Exception) -> str:
    line = first_line(error)
    if line.endswith(":"):  # a heading: the next line says what
        line = " ".join(str(error).split("\n")[:2]).replace("\t", "")
    return f"{type(error).__name__}: {line}" if isinstance(error, KeyError | TypeError | AttributeError) else line


def _raise_again(error: Exception) -> None:
    """Raise what isn't the files' fault: a device without memory."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        raise error


def require_safe_index(where: str) -> None:
    """Make sure that an index of weights names safetensors files beside it only, which are there.

    Raises:
        InputError: It doesn't.
    """
    from passerelle.models.merging.weight_files import INDEX, SINGLE_FILE, read_index

    index = Path(where) / INDEX
    if index.is_file() and not index.with_name(SINGLE_FILE).is_file():  # transformers' own order
        read_index(index)


def load_whole(kind: Any, where: str, **options: Any) -> Any:
    """Load a model by a class of transformers, all of its weights or none.

    Args:
        kind: The class, as `AutoModel`.
        where: A folder, or a name on the Hub.
        options: Of `from_pretrained`.

    Raises:
        InputError: Its weights aren't those that its configuration asks for.
    """
    model, loaded = kind.from_pretrained(where, ignore_mismatched_sizes=True, output_loading_info=True, **options)
    require_all_weights(where, loaded)
    return model


def require_all_weights(where: str, loaded: Mapping[str, Any]) -> None:
    """Make sure that a model's weights are those that its configuration asks for: none would be random, none unused.

    Weights that are tied to others, and what transformers knows that it may leave out, needn't be there.

    Args:
        where: What the model was loaded from.
        loaded: What `from_pretrained` gives with `output_loading_info`.

    Raises:
        InputError: Tensors are missing, unexpected or of another shape.
    """
    shapes = sorted(loaded["mismatched_keys"])
    other = [f"{name} ({list(found)} for {list(wanted)})" for name, found, wanted in shapes]
    wrong = _listed(loaded["missing_keys"], loaded["unexpected_keys"], other)
    if wrong:
        from transformers import __version__

        raise InputError(
            f"the weights in {where!r} aren't those that its config.json describes: {wrong}. Give the folder as "
            f"save_pretrained wrote it; transformers here is {__version__}, and another may name tensors otherwise."
        )


def load_adapter(model: Any, folder: Path, base: str) -> PeftModel:
    """Put an adapter on a model and make sure that all of it acts.

    Args:
        model: The base.
        folder: The adapter's.
        base: What the base is called.

    Raises:
        InputError: It is broken, or its tensors aren't those that its place in the base asks for.
    """
    import warnings

    from peft import PeftModel

    with errors_of_adapter(folder, base), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Found missing adapter keys")  # raised below
        adapted = PeftModel.from_pretrained(model, str(folder), autocast_adapter_dtype=False)
        # Only this says what fitted; the weights, which are small, are read twice.
        result = adapted.load_adapter(
            str(folder),
            str(adapted.active_adapter),
            autocast_adapter_dtype=False,
            torch_device=str(model.device),
            key_mapping=getattr(model, "_checkpoint_conversion_mapping", {}),
        )
    if wrong := _listed(result.missing_keys, result.unexpected_keys, []):
        raise InputError(
            f"the adapter in {str(folder)!r} doesn't fit its base {base!r}, so that it wouldn't act: {wrong}. It was "
            "made for another model, or by a release of transformers or PEFT that names layers otherwise."
        )
    return adapted


def _listed(missing: Iterable[str], unexpected: Iterable[str], other: Iterable[str]) -> str:
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": other}
    return "; ".join(f"{kind}: {_some(sorted(names))}" for kind, names in kinds.items() if names)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
