"""What is known of each language, what is missing and what that means, and a file to begin with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from passerelle.config import Settings
from passerelle.errors import InputError
from passerelle.languages.codes import language
from passerelle.languages.knowledge import PARTS, Knowledge, known, own_codes, own_digest, shipped_codes

WITHOUT = {
    "prompts": "the embedded example asks nothing; your own files don't need them",
    "instructions": "generated answers aren't asked for, unless a test has its own prompt; likelihoods are",
    "reading": "letters are read; yes and no are not: compare likelihoods (--method pmi), or let a judge read",
    "open": "open answers are compared without articles and elisions taken off",
    "numbers": "numbers in words aren't read",
    "sentences": "abbreviations end sentences in translation",
    "length": "a translation's length is suspect only in extremes",
    "words": "short answers are told apart by the libraries that know the language alone",
    "word_list": "unknown words aren't found",
    "adjectives": "the order of words isn't checked",
    "nouns": "whether article, noun and adjective agree isn't checked",
}
"""What a part's absence means."""


@dataclass(frozen=True)
class Overview:
    """What is known of a language.

    Attributes:
        code: BCP-47.
        name: Its English name.
        own_name: What its speakers call it; empty where no file says it.
        direction: Of its script.
        known: The parts that are known.
        missing: The parts that aren't, and what is done without them.
        own: Hash of a file of one's own; empty without one.
        sources: Where the words come from.
    """

    code: str
    name: str
    own_name: str
    direction: str
    known: tuple[str, ...]
    missing: dict[str, str]
    own: str
    sources: tuple[str, ...]


def overview(code: str) -> Overview:
    """Say what is known of a language.

    Args:
        code: Any code or name, as `codes.language` takes it.

    Raises:
        ConfigError: No such language, or a file of it isn't right.
    """
    found = language(code)
    knowledge = known(found.bcp47)
    parts = tuple(part for part in PARTS if getattr(knowledge, part) is not None)
    missing = {part: WITHOUT[part] for part in PARTS if part not in parts}
    own = own_digest(found.bcp47)
    return Overview(
        found.bcp47, found.name, knowledge.name, knowledge.direction, parts, missing, own, knowledge.sources
    )


def overviews() -> list[Overview]:
    """Say what is known of every language that has a file which ships, or one of one's own, by code."""
    return [overview(code) for code in sorted({*shipped_codes(), *own_codes()})]


def start_file(code: str, file: Path) -> None:
    """Write a file to fill in: what is known of a language, and what isn't as comments with what each key is.

    Args:
        code: The language.
        file: Must be named after it, as ``ca.toml``, and not be there.

    Raises:
        ConfigError: No such language.
        InputError: The file is there, is named otherwise, or can't be written.
    """
    found = language(code)
    if file.name != f"{found.bcp47}.toml":
        raise InputError(
            f"the file of {found.name} is called {found.bcp47}.toml: give {file.parent / found.bcp47}.toml."
        )
    if file.exists():
        raise InputError(f"{str(file)!r} is there already: give another folder, or remove it.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(_lines(found.name, known(found.bcp47))) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"can't write {str(file)!r}: {error.strerror}.") from None


def _lines(name: str, knowledge: Knowledge) -> Iterator[str]:
    yield f"# {name}: what Passerelle knows, to be filled in. Take the # away from what you fill in; leave out what you"
    yield "# don't know. What stands below a [part] is read in place of the whole part that ships."
    yield f"name = {json.dumps(knowledge.name or name, ensure_ascii=False)}"
    yield f'direction = "{knowledge.direction}"'
    yield "sources = []"
    for part in PARTS:
        shape = _shape(part)
        given: Settings | None = getattr(knowledge, part)
        yield ""
        yield f"# Without this part: {WITHOUT[part]}." if given is None else "# This part is known."
        yield f"# [{part}]" if given is None else f"[{part}]"
        about = _about(shape)
        for key, field in shape.model_fields.items():
            yield f"# {key}: {about.get(key, '')}"
            value = getattr(given, key) if given is not None else field.get_default()
            is_given = given is not None and key in given.model_fields_set
            yield ("" if is_given else "# ") + f"{key} = {_toml(value, field.annotation)}"


def _shape(part: str) -> type[Settings]:
    """Return the class of a part, as `Knowledge` has it."""
    shape: type[Settings] = get_args(Knowledge.model_fields[part].annotation)[0]
    return shape


def _about(shape: type[Settings]) -> dict[str, str]:
    """Return what the documentation of a part says of each key."""
    text = (shape.__doc__ or "").partition("Attributes:")[2]
    found: dict[str, str] = {}
    last = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        key, colon, more = line.partition(": ")
        if colon and key in shape.model_fields:
            last, found[key] = key, more
        elif last:
            found[last] += f" {line}"
    return found


def _toml(value: Any, kind: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{json.dumps(k, ensure_ascii=False)} = {_toml(v, kind)}" for k, v in value.items()) + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(each, kind) for each in value) + "]"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return {str: '""', float: "0.0"}.get(kind, "[]")
