"""Families of vision-language models: where the tower, the projector, the language model and the head are."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

from passerelle.errors import InputError

Part = Literal["tower", "projector", "language", "head", "extra"]
PARTS: tuple[Part, ...] = ("tower", "projector", "language", "head", "extra")
_CHOOSING = ("gate", "router", "shared_expert_gate")
"""What stands beside experts and chooses among them."""


@dataclass(frozen=True)
class Family:
    """The parts of a family's models, as full prefixes of parameter names.

    Attributes:
        name: The configuration's `model_type`.
        tower: Prefixes of the vision tower.
        projector: Prefixes of the projector; they may lie inside the tower's.
        language: Prefix of the language model.
        head: Prefix of the head.
        extra: Prefixes of what is none of these.
        features: Whether forward takes features as one tensor a picture or as one for all.
        replay: Whether what the tower gives needs the projector alone to be what the language model takes.
        grouped: Whether a picture's features are others where several pictures stand in a row.
        encoding: Whether prompts go through a chat template, or are a prefix whose suffix is the reply.
        shares_prefix: Whether rows that begin alike can share what is computed of their beginning. Layers that keep one
            state in place of all tokens (recurrent ones) can't: a state has one past, and follows no tree.
        causal: Whether no token sees what comes behind it, pieces of a picture included.
        template: What the chat template is given beside the conversation.
        detected: Whether it was found by asking the model, not in the table.
    """

    name: str
    tower: tuple[str, ...]
    projector: tuple[str, ...]
    language: str
    head: str = "lm_head"
    extra: tuple[str, ...] = ()
    features: Literal["list", "stack"] = "list"
    replay: bool = False
    grouped: bool = False
    encoding: Literal["chat", "prefix-suffix"] = "chat"
    shares_prefix: bool = True
    causal: bool = True
    template: Mapping[str, Any] = field(default_factory=dict)
    detected: bool = False

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


@cache
def families() -> dict[str, Family]:
    """Return the families of the table by `model_type`."""
    text = resources.files("passerelle.data").joinpath("families.toml").read_text(encoding="utf-8")
    return {name: _family(name, entry) for name, entry in tomllib.loads(text).items()}


def _family(name: str, entry: Mapping[str, Any]) -> Family:
    settings: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()}
    return Family(name=name, **settings)


def family_of(model: Any) -> Family:
    """Return a model's family: from the table, or found out from its `get_encoder` and `get_decoder`.

    Args:
        model: What `AutoModelForImageTextToText` loaded.

    Raises:
        InputError: It is of no family that is known, and doesn't say where its parts are.
    """
    name = str(model.config.model_type)
    known = families().get(name)
    return known if known is not None else _detect(model, name)


def _detect(model: Any, name: str) -> Family:
    names = {id(module): path for path, module in model.named_modules()}
    tower = names.get(id(model.get_encoder("image")), "")
    language = names.get(id(model.get_decoder()), "")
    head = names.get(id(model.get_output_embeddings()), "")
    missing = [
        what for what, path in (("a vision tower", tower), ("a language model", language), ("a head", head)) if not path
    ]
    projector = _between(model, (tower, language, head)) if not missing else ()
    if not missing and not projector:
        missing = ["a projector"]
    if missing:
        raise InputError(
            f"models of the type {name!r} aren't in Passerelle's table, and this one doesn't say where "
            f"{' and '.join(missing)} is. Known are: {', '.join(families())}. To add a family, write its prefixes into "
            "data/families.toml; see docs/reference/methods.md."
        )
    return Family(name, (tower,), projector, language, head, shares_prefix=False, detected=True)


def _between(model: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the modules beside tower and language model that have parameters: the projector."""
    parent = known[0].rpartition(".")[0]
    owner = model.get_submodule(parent) if parent else model
    with_weights = [name for name, child in owner.named_children() if next(child.parameters(), None) is not None]
    beside = [f"{parent}.{name}" if parent else name for name in with_weights]
    return tuple(name for name in beside if name not in known)
