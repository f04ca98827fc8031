"""What the options of ``passerelle evaluate`` mean: benchmarks with their files, models, predictions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from passerelle.config import parse_yaml
from passerelle.endpoints.requests import model_and_url
from passerelle.errors import ConfigError, first_line
from passerelle.evaluation.benchmarks.registry import find_benchmark
from passerelle.languages.codes import language

_NAME = re.compile(r"([a-z0-9-]+)(?::([A-Za-z-]+))?=(.+)", re.DOTALL)
_LANGUAGE = "{language}"
SERVED = "openai"
_SERVED = re.compile(rf"{SERVED}(?:\{{(?P<options>.*)\}})?:(?P<place>.+)", re.DOTALL)
DATASETS = "datasets:"
"""Before the name or folder of a data set that `datasets` loads."""


@dataclass(frozen=True)
class Source:
    """Where one benchmark's rows are, for one language or for all.

    Attributes:
        benchmark: Its name; empty: to be found out from its rows.
        places: Files or folders, joined row by row, or one name with ``datasets:`` before it.
        language: The language of its questions; empty: of all that are asked for.
    """

    benchmark: str
    places: tuple[str, ...]
    language: str = ""


@dataclass(frozen=True)
class Planned:
    """A benchmark that is to be asked.

    Attributes:
        sources: Where its rows are, a source for each language.
        method: ``generate``, or the rule by which the likelihood of options is compared.
        name: What results call it; empty: the benchmark's own name.
        images: The image folder; beside the file unless given.
        prompts: By language what is asked where rows have no question, in place of the benchmark's own instruction.
        max_new_tokens: Longest answer; ``None``: the benchmark's own.
        limit: Only so many questions, the first ones, whole groups.
        pictures: Only the questions about so many pictures, the first ones.
        machine: Languages whose rows were translated by machine.
        images_anywhere: Whether pictures may lie outside of the image folder.
        rules: Whose published rules raw scores are by; empty: the benchmark's own.
        metric: The metric that it is known and compared by; empty: the benchmark's own.
    """

    sources: tuple[Source, ...]
    method: str
    name: str = ""
    images: Path | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    max_new_tokens: int | None = None
    limit: int | None = None
    pictures: int | None = None
    machine: tuple[str, ...] = ()
    images_anywhere: bool = False
    rules: str = ""
    metric: str = ""


def parse_languages(given: str) -> tuple[str, ...]:
    """Return language codes from a list with commas.

    Raises:
        ConfigError: There is none, or one is no language.
    """
    codes = tuple(dict.fromkeys(language(word).bcp47 for word in given.split(",") if word.strip()))
    if not codes:
        raise ConfigError("no language: write --language fr,en.")
    return codes


def parse_sources(given: Sequence[str], languages: Sequence[str]) -> list[list[Source]]:
    """Return the benchmarks, each with the source of every language.

    Args:
        given: ``NAME=PATH``, ``NAME:fr=PATH`` or ``PATH``; ``{language}`` in a path stands for each language.
        languages: All that are asked for.

    Returns:
        For each benchmark its sources in the order of the languages.

    Raises:
        ConfigError: An unknown benchmark or language, or a language without a source.
    """
    if not given:
        raise ConfigError("no benchmark: write --benchmark mmbench=dev.tsv, or --benchmark 'pope={language}.jsonl'.")
    found: dict[str, dict[str, Source]] = {}
    for text in given:
        match = _NAME.fullmatch(text)
        name, code, path = match.groups() if match else ("", "", text)
        if name:
            find_benchmark(name)
        code = language(code).bcp47 if code else ""
        if code and code not in languages:
            wanted = ",".join([*languages, code])
            raise ConfigError(f"{text!r} is in {code!r}, which isn't asked for: write --language {wanted}.")
        known = found.setdefault(name or path, {})
        for each in [code] if code else languages:
            if each in known:
                raise ConfigError(
                    f"{name or path} has two sources in {each!r}: leave one out, or say {name}:LANGUAGE=PATH."
                )
            places = (path,) if path.startswith(DATASETS) else tuple(part for part in path.split(",") if part)
            known[each] = Source(name, tuple(place.replace(_LANGUAGE, each) for place in places), each)
    for name, by_language in found.items():
        if lacking := [code for code in languages if code not in by_language]:
            raise ConfigError(
                f"{name} has no source in {lacking[0]!r}: add --benchmark {name}:{lacking[0]}=PATH, or leave that "
                "language out."
            )
    return [[by_language[code] for code in languages] for by_language in found.values()]


@dataclass(frozen=True)
class Named:
    """A model's specification, or a file of predictions, with the name that results call it by."""

    name: str
    what: str


def read_braces(inside: str, what: str, where: str) -> dict[str, Any]:
    """Read what stands in a specification's braces, as a file has it.

    Args:
        inside: What stands there.
        what: What it should be, for errors.
        where: The specification.

    Raises:
        ConfigError: It isn't YAML.
    """
    try:
        found: dict[str, Any] = parse_yaml("{" + inside + "}")
    except ValueError as error:
        raise ConfigError(f"{where!r}: the {what} aren't written as in a file: {first_line(error)}") from None
    return found


def split_translation(given: str) -> tuple[str, str]:
    """Divide ``pipeline{ENGINES}:MODEL`` into ``pipeline:MODEL`` and the engines; these are empty where none are named.

    Raises:
        ConfigError: The braces don't end before a colon.
    """
    method, brace, rest = given.partition("{")
    if brace and method != SERVED and re.fullmatch(r"[a-z-]+", method):
        for end in (at for at, letter in enumerate(rest) if letter == "}"):
            if rest[:end].count("{") == rest[:end].count("}") and rest[end + 1 : end + 2] == ":":
                return f"{method}:{rest[end + 2 :]}", rest[:end]
        raise ConfigError(f"{given!r}: the braces end nowhere before a model: write {method}{{ENGINE}}:embedded.")
    return given, ""


@dataclass(frozen=True)
class ServedName:
    """A served model.

    Attributes:
        model: Its name at the server; that of an adapter which the server has loaded, too.
        url: The server, up to and with its version; empty: OpenAI's.
        options: What stands in braces, unread.
    """

    model: str
    url: str
    options: str


def read_served(given: str) -> ServedName | None:
    """Read ``openai:MODEL@URL`` or ``openai{OPTIONS}:MODEL@URL``; ``None`` for another specification.

    Raises:
        ConfigError: It names no model, or a URL that isn't HTTP's.
    """
    if not re.match(rf"{SERVED}[:{{]", given):
        return None
    found = _SERVED.fullmatch(given)
    model, url = model_and_url(found["place"]) if found else ("", "")
    if found is None or not model:
        raise ConfigError(f"{given!r}: which model, and where? Write {SERVED}:MODEL@http://HOST:8000/v1.")
    return ServedName(model, url, found["options"] or "")


def parse_named(given: str, default: str = "") -> Named:
    """Return ``NAME=SPECIFICATION``; without a name, the specification's last part, engines left out.

    Raises:
        ConfigError: The name can't be used for files.
    """
    name, equals, what = given.partition("=")
    if not equals:
        name, what = default or short_name(given), given
    if not re.fullmatch(r"[\w.@:+-]{1,80}", name) or name in (".", ".."):
        raise ConfigError(f"{name!r} can't be the name of a model: give it one of letters and digits, NAME={what}.")
    return Named(name, what)


def short_name(given: str) -> str:
    """Return what a model is called that was given no name: its file's, or its own at the server."""
    plain, _ = split_translation(given)
    before, served = find_served(given)
    if served:
        return before + served.model.rpartition("/")[2]
    path = Path(plain)
    return (path.stem if path.suffix[1:].isalpha() else path.name) or plain  # Qwen2.5-VL has no ending


def find_served(given: str) -> tuple[str, ServedName | None]:
    """Return what stands before a served model, such as ``prompted:``, and the model; ``None`` where there is none."""
    plain, _ = split_translation(given)
    before = re.match(rf"((?:[a-z]+:)*){SERVED}[:{{]", plain)
    return (before[1], read_served(plain[len(before[1]) :])) if before else ("", None)
