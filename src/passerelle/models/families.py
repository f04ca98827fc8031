"""Families of vision-language models: where the tower, the projector, the language model and the head are."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from passerelle.config import Settings, parse_settings
from passerelle.errors import ConfigError, InputError
from passerelle.runs import content_hash

Part = Literal["tower", "projector", "language", "head", "extra"]
PARTS: tuple[Part, ...] = ("tower", "projector", "language", "head", "extra")
_CHOOSING = ("gate", "router", "shared_expert_gate")
"""What stands beside experts and chooses among them."""


class Family(Settings):
    """The parts of a family's models, as full prefixes of parameter names.

    Attributes:
        name: The configuration's `model_type`.
        tower: Prefixes of the vision tower; none where a projector alone takes pictures.
        projector: Prefixes of the projector; they may lie inside the tower's.
        language: Prefix of the language model.
        head: Prefix of the head.
        extra: Prefixes of what is none of these.
        features: Whether forward takes features as one tensor a picture or as one for all.
        replay: Whether what the tower gives needs the projector alone to be what the language model takes.
        projects: Whether forward itself runs the projector over what `get_image_features` gives.
        grouped: Whether a picture's features are others where several pictures stand in a row.
        encoding: Whether prompts go through a chat template, or are a prefix whose suffix is the reply.
        shares_prefix: Whether rows that begin alike can share what is computed of their beginning. Layers that keep one
            state in place of all tokens (recurrent ones) can't: a state has one past, and follows no tree.
        causal: Whether no token sees what comes behind it, pieces of a picture included.
        template: What the chat template is given beside the conversation.
        beside: What `get_image_features` gives beside features, the same for all pictures.
        detected: Whether it was found by asking the model, not in the table.
    """

    name: str
    tower: tuple[str, ...] = ()
    projector: tuple[str, ...] = Field(min_length=1)
    language: str = Field(min_length=1)
    head: str = "lm_head"
    extra: tuple[str, ...] = ()
    features: Literal["list", "stack"] = "list"
    replay: bool = False
    projects: bool = False
    grouped: bool = False
    encoding: Literal["chat", "prefix-suffix"] = "chat"
    shares_prefix: bool = True
    causal: bool = True
    template: dict[str, Any] = {}
    beside: tuple[str, ...] = ()
    detected: bool = False

    @property
    def output(self) -> Literal["pooler_output", "last_hidden_state"]:
        """What of that which `get_image_features` gives forward takes."""
        return "last_hidden_state" if self.projects else "pooler_output"

    def part_of(self, name: str) -> Part:
        """Return the part that a parameter or module belongs to: that of the longest prefix that fits its name."""
        fitting = [(len(prefix), part) for prefix, part in self._prefixes() if _is_below(name, prefix)]
        return max(fitting)[1] if fitting else "extra"

    def _prefixes(self) -> Iterator[tuple[str, Part]]:
        yield from ((prefix, "tower") for prefix in self.tower)
        yield from ((prefix, "projector") for prefix in self.projector)
        yield from ((prefix, "extra") for prefix in self.extra)
        yield self.language, "language"
        yield self.head, "head"

    def parameters(self, model: Any, part: Part) -> dict[str, Any]:
        """Return the parameters of one part by name. Tied weights are found once, under their first name."""
        return {name: value for name, value in model.named_parameters() if self.part_of(name) == part}

    def module(self, model: Any, part: Literal["tower", "projector", "language", "head"]) -> Any:
        """Return the module of a part; of several projectors the first."""
        prefix = {"language": self.language, "head": self.head}.get(part) or getattr(self, part)[0]
        return model.get_submodule(prefix)


@dataclass(frozen=True)
class Mixture:
    """The mixtures of experts in a model's layers; none in most models.

    Attributes:
        experts: Parameters, each of which holds a weight of every expert of a layer [experts, …, …].
        choosing: Modules that choose among experts, or weigh what these give.
    """

    experts: tuple[str, ...]
    choosing: tuple[str, ...]

    @classmethod
    def of(cls, model: Any) -> Mixture:
        """Find the mixtures of a model of transformers, which calls their parts alike in all families."""
        blocks = {name.removesuffix(".experts") for name, _ in model.named_modules() if name.endswith(".experts")}
        experts = (
            f"{block}.experts.{name}"
            for block in sorted(blocks)
            for name, value in model.get_submodule(f"{block}.experts").named_parameters(recurse=False)
            if value.dim() == 3  # biases are adapted with nothing
        )
        choosing = (f"{block}.{name}" for block in sorted(blocks) for name in _CHOOSING)
        return cls(tuple(experts), tuple(choosing))

    def is_choosing(self, name: str) -> bool:
        """Whether a module is one that chooses among experts, or lies in one."""
        return any(_is_below(name, one) for one in self.choosing)


def _is_below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


OWN_FILE = "families.toml"
"""What a file of one's own is called beside an experiment."""
_own: dict[str, Family] = {}
"""The rows of one's own that are known now."""


def families() -> dict[str, Family]:
    """Return the families that are known by `model_type`: those of the table, and those of one's own before them."""
    return {**_shipped(), **_own}


@cache
def _shipped() -> dict[str, Family]:
    text = resources.files("passerelle.data").joinpath(OWN_FILE).read_text(encoding="utf-8")
    return _read(text, OWN_FILE)


def _read(text: str, where: str) -> dict[str, Family]:
    """Read a table of families.

    Raises:
        ConfigError: It isn't TOML, or a row lacks a key or has one that is unknown.
    """
    try:
        rows = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}.") from None
    found = {}
    for name, row in rows.items():
        if not isinstance(row, dict):
            raise ConfigError(f"{where}: {name!r} is no family: write its parts below [{name}].")
        found[name] = parse_settings(Family, {**row, "name": name}, f"{where}: [{name}]")
    return found


@contextmanager
def known_families(file: Path | None) -> Iterator[None]:
    """Know the families of a file of one's own while the block runs, in the whole process.

    Args:
        file: TOML as `data/families.toml` is; ``None``: nothing more than before.

    Raises:
        ConfigError: It can't be read, or isn't such a file.
    """
    global _own
    before = _own
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"can't read {str(file)!r} as a file of families: {error}") from None
        _own = {**before, **_read(text, str(file))}
    try:
        yield
    finally:
        _own = before


def families_beside(experiment: Path) -> Path | None:
    """Return the file of families that stands beside an experiment's file, if there is one."""
    beside = experiment.parent / OWN_FILE
    return beside if beside.is_file() else None


def own_digest() -> str:
    """Return a hash of the families of one's own that are known now; nothing where there are none."""
    return content_hash([row.model_dump(mode="json") for _, row in sorted(_own.items())])[:12] if _own else ""


def family_of(model: Any) -> Family:
    """Return a model's family: from a table, or found out from its `get_encoder` and `get_decoder`.

    Args:
        model: What `AutoModelForImageTextToText` loaded.

    Raises:
        InputError: It is of no family that is known, and doesn't say where its parts are.
        ConfigError: One's own table names parts that it hasn't.
    """
    name = str(model.config.model_type)
    family = families().get(name) or _detect(model, name)
    if name in _own:
        _require_parts(model, family)
    text = model.config.get_text_config()
    seen = {"causal": False} if getattr(text, "use_bidirectional_attention", None) else {}
    return family.model_copy(update=seen | ({"shares_prefix": False} if _is_recurrent(text) else {}))


def describe(family: Family) -> str:
    """Return where a family's parts are, as a row of a file of families has it."""
    rows = family.model_dump(include={"tower", "projector", "language", "head"}, mode="json")
    return "\n".join([f"[{family.name}]", *(f"{key} = {json.dumps(value)}" for key, value in rows.items())])


def _require_parts(model: Any, family: Family) -> None:
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    for prefix in (*family.tower, *family.projector, family.language, family.head):
        if not any(_is_below(name, prefix) for name in names):
            tops = sorted({".".join(name.split(".")[:2]) for name in names})
            raise ConfigError(
                f"families.toml: [{family.name}] names {prefix!r}, below which this model has no weights. It has some "
                f"below {', '.join(tops)}."
            )


def _is_recurrent(text: Any) -> bool:
    """Whether some layers of a language model keep one state, which has one past, in place of all tokens."""
    kinds = getattr(text, "layer_types", None) or ()
    return not set(kinds) <= {"full_attention", "sliding_attention", "chunked_attention"}


def _detect(model: Any, name: str) -> Family:
    names = {id(module): path for path, module in model.named_modules()}
    tower = names.get(id(model.get_encoder("image")), "")  # the model itself, with no name, where there is none
    language = names.get(id(model.get_decoder()), "")
    head = names.get(id(model.get_output_embeddings()), "")
    missing = [what for what, path in (("a language model", language), ("a head", head)) if not path]
    if not missing and _is_below(head, language):  # a language model with its head
        language = next(iter(_between(model, (head,))), language)
    projector = () if missing else _between(model, (tower or language, language, head)) or _inside(model, tower)
    if not missing and not tower and any(_has_layers(model, name) for name in projector):
        missing = ["a vision tower"]
    if not missing and not projector:
        missing = ["a projector"]
    if missing:
        raise InputError(
            f"models of the type {name!r} aren't in Passerelle's table, and this one doesn't say where "
            f"{' and '.join(missing)} is. Known are: {', '.join(families())}. To add a family, write its prefixes into "
            f"a {OWN_FILE} beside your experiment, or give one by --families; see docs/reference/methods.md."
        )
    parts = {"tower": (tower,) if tower else (), "projector": projector, "language": language, "head": head}
    return Family(name=name, **parts, shares_prefix=False, detected=True)


def _between(model: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the modules beside the first of those that are known, and not around them, that have parameters."""
    parent = known[0].rpartition(".")[0]
    owner = model.get_submodule(parent) if parent else model
    with_weights = [name for name, child in owner.named_children() if next(child.parameters(), None) is not None]
    beside = [f"{parent}.{name}" if parent else name for name in with_weights]
    return tuple(name for name in beside if not any(_is_below(one, name) for one in known))


def _has_layers(model: Any, name: str) -> bool:
    import torch

    return any(isinstance(module, torch.nn.ModuleList) for module in model.get_submodule(name).modules())


def _inside(model: Any, tower: str) -> tuple[str, ...]:
    """Return what lies in the tower behind its layers and leads to the language model's width: the projector."""
    import torch

    width = model.config.get_text_config().hidden_size
    children = list(model.get_submodule(tower).named_children()) if tower else []
    lists = [place for place, (_, child) in enumerate(children) if isinstance(child, torch.nn.ModuleList)]
    behind = children[lists[0] + 1 :] if lists else []
    found = []
    for name, child in behind:
        linear = [module for module in child.modules() if isinstance(module, torch.nn.Linear)]
        if any(module.out_features == width for module in linear):
            found.append(f"{tower}.{name}")
    return tuple(found)
