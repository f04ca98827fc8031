"""Settings in YAML files that state what differs from the defaults, typed and checked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from passerelle.errors import ConfigError, InputError, unknown

HUB_NAME = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"
"""Pattern of a name on the Hugging Face Hub: ORG/NAME."""

_KEYS_OF = {
    "compare": frozenset({"name", "arms", "tests", "against", "translation"}),
    "adapt": frozenset({"model_name_or_path", "output_dir", "stages", "num_train_epochs"}),
    "gate --config": frozenset({"keep_above", "drop_below", "keep_share"}),
}
"""Keys that files of one command have, and none of another."""


def check_place(name: str) -> None:
    """Make sure that a name that isn't a folder may be one of the Hub's: a mistyped folder is told at once.

    Raises:
        InputError: There is no such folder, and it can't be a name on the Hub, or stands beside folders that are there.
    """
    path = Path(name).expanduser()
    if path.exists() or name == ".":
        return
    beside = path.parent
    is_ours = beside != Path(".") and beside.is_dir()
    if re.fullmatch(HUB_NAME, name) and not is_ours:
        return
    folders = sorted(each.name for each in beside.iterdir() if each.is_dir()) if beside.is_dir() else []
    near = difflib.get_close_matches(path.name, folders, n=1, cutoff=0.5)
    hint = f" Did you mean {str(beside / near[0])!r}?" if near else ""
    raise InputError(
        f"no folder {name!r}.{hint} Give the folder of a model, or its name on the Hugging Face Hub as ORG/NAME."
    )


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values don't change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _each_once(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed is named twice; its runs would count as two.")
    return seeds


Seeds = Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(_each_once)]
"""Training seeds: at least one, each once."""


S = TypeVar("S", bound="Settings")


def load_settings(
    kind: type[S],
    path: Path,
    changes: dict[str, Any] | None = None,
    complete: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> S:
    """Read a YAML file and check it.

    Args:
        kind: The settings that it must hold.
        path: The file.
        changes: Settings that replace those of the file, nested as in the file.
        complete: Fills in what the file leaves out.

    Raises:
        ConfigError: No such file, not YAML, an unknown key, a value out of range.
    """
    if not path.is_file():
        near = sorted(p.as_posix() for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        there = f" There are: {', '.join(near)}." if near else ""
        raise ConfigError(f"no experiment file {str(path)!r}.{there}")
    content = read_yaml(path)
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: an experiment is a mapping of settings, not a {type(content).__name__}.")
    check_kind(kind, content, path)
    return parse_settings(kind, complete(merge(content, changes or {})), str(path))


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        ConfigError: It can't be read, isn't YAML, or is nested too deep.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't read {str(path)!r}: {error.strerror}. Give a YAML file.") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not valid YAML: {str(error).strip()}") from None


def parse_yaml(text: str) -> Any:
    """Read YAML.

    Raises:
        ValueError: It isn't YAML, or is nested too deep.
    """
    try:
        return yaml.safe_load(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except (yaml.YAMLError, LookupError) as error:  # an empty `!!int` is a LookupError
        raise ValueError(str(error)) from None


def check_kind(kind: type[Settings], content: Mapping[str, Any], path: Path) -> None:
    """Name the command that a file is for, if it is for another one.

    Raises:
        ConfigError: It is.
    """
    fits = {command: len(keys & content.keys()) for command, keys in _KEYS_OF.items()}
    best = max(fits, key=fits.__getitem__)
    strange = content.keys() - kind.model_fields.keys()
    if fits[best] and strange and not _KEYS_OF[best] & kind.model_fields.keys():
        raise ConfigError(f"{path} is a file for another command: type passerelle {best} {path}")


def merge(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `settings` with `changes` put in, mapping by mapping."""
    merged = dict(settings)
    for key, value in changes.items():
        known = merged.get(key)
        merged[key] = merge(known, value) if isinstance(value, dict) and isinstance(known, dict) else value
    return merged


def parse_settings(kind: type[S], content: dict[str, Any], where: str, context: Any = None) -> S:
    """Check settings and return them typed.

    Args:
        kind: What they are.
        content: The settings.
        where: Their file, for errors.
        context: Told to the validators of their kind.

    Raises:
        ConfigError: An unknown key, a missing one, or a value out of range.
    """
    try:
        return kind.model_validate(content, context=context)
    except ValidationError as error:
        lines = [_explain(kind, problem) for problem in error.errors()]
        raise ConfigError(f"{where}: " + "; ".join(lines)) from None


def _explain(kind: type[BaseModel], problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return unknown("key", place, _keys(kind, problem["loc"][:-1]))
    if problem["type"] == "missing":
        return f"{place} is missing."
    message: str = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message} (given: {problem['input']!r})" if place else message


def _keys(kind: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Return the keys that are allowed at a place, written in full."""
    model: Any = kind
    for part in location:
        if part in model.model_fields:  # a place in a list or a mapping is none
            model = _settings_in(model.model_fields[part].annotation) or model
    prefix = "".join(f"{part}." for part in location)
    return [prefix + key for key in model.model_fields]


def _settings_in(annotation: Any) -> Any:
    """Return the settings class in a type such as ``tuple[X, ...]``, ``dict[str, X]`` or ``X | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_settings_in(inner) for inner in get_args(annotation)]
    return next((kind for kind in found if kind is not None), None)
