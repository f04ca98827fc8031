"""Prompt styles: what a language model is told for a translation. Each is a data file, ours or a user's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

from passerelle.config import Settings, parse_settings
from passerelle.errors import ConfigError, unknown
from passerelle.languages.codes import language
from passerelle.runs import content_hash

AUTO = "auto"
"""Stands for the style that is told by the model itself."""
PLAIN = "plain"
"""The style of a model that tells none."""
_FOLDER = files("passerelle.data").joinpath("prompt_styles")
_OWN = ".toml"

Message = dict[str, Any]
"""One message of a chat: its role, and its content as chat templates and endpoints take it."""


class Words(Settings):
    """What is said; {source}, {target}, {source_code}, {target_code} and {text} stand for what they are called.

    Attributes:
        system: The system prompt; none where it is empty.
        user: The user's message, or the parts of one.
    """

    system: str = ""
    user: str | list[dict[str, str]] = "{text}"


class _Instead(Words):
    """Other words, where one of both languages is among some.

    Attributes:
        languages: BCP-47 codes of these.
        names: What languages are called in these words, by their codes; English names where there is none.
        again: What is said to a text whose reply wasn't a translation.
    """

    languages: list[str]
    names: dict[str, str] = {}
    again: Words | None = None


class _KnownBy(Settings):
    """How a model is known to want a style.

    Attributes:
        template: Words that all stand in its chat template.
        name: One of these stands in its name, in any case.
    """

    template: list[str] = []
    name: list[str] = []


class _File(Words):
    """A style as its file has it.

    Attributes:
        texts: ``one`` a request, or several ``numbered`` ones as a JSON object, whose reply is one too.
        template: Options of the model's chat template, where it is rendered here.
        known_by: How a model is known to want it.
        again: What is said to a text whose reply wasn't a translation; such a text isn't asked for again without it.
        instead: Other words for some languages.
    """

    texts: Literal["one", "numbered"] = "one"
    template: dict[str, Any] = {}
    known_by: _KnownBy = _KnownBy()
    again: Words | None = None
    instead: list[_Instead] = []


@dataclass(frozen=True)
class PromptStyle:
    """A style for one pair of languages.

    Attributes:
        name: Of its file.
        digest: Hash of all that it says, 8 letters.
        numbered: Whether several texts go at once, numbered.
        template: Options of the model's chat template.
        first: What is said first.
        again: What is said where the first reply wasn't a translation; ``None`` where nothing else can be said.
        names: What {source}, {target}, {source_code} and {target_code} stand for.
    """

    name: str
    digest: str
    numbered: bool
    template: Mapping[str, Any]
    first: Words
    again: Words | None
    names: Mapping[str, str]

    @cached_property
    def system(self) -> str:
        """The system prompt of the first asking."""
        return self._filled(self.first.system)

    def messages(self, text: str, *, system: bool = True, again: bool = False, typed: bool = False) -> list[Message]:
        """Return what is said for a text.

        Args:
            text: The text, or several as `numbered.numbered_texts` writes them.
            system: Whether the model takes a system prompt; without it, what that says begins the user's message.
            again: Whether the first reply wasn't a translation.
            typed: Whether contents are lists of typed parts, as some chat templates want them.
        """
        words = self.again if again and self.again is not None else self.first
        said = self._filled(words.system)
        if not isinstance(words.user, str):
            parts = [{key: self._filled(value, text) for key, value in part.items()} for part in words.user]
            return [{"role": "user", "content": parts}]
        user = self._filled(words.user, text)
        if not system and said:
            said, user = "", f"{said}\n\n{user}"
        pairs = [("system", said)] if said else []
        return [
            {"role": role, "content": [{"type": "text", "text": content}] if typed else content}
            for role, content in [*pairs, ("user", user)]
        ]

    def _filled(self, words: str, text: str = "") -> str:
        return words.format(text=text, **self.names).strip("\n")


def size_of(messages: Sequence[Message]) -> int:
    """Return how many bytes of UTF-8 messages say."""
    return sum(len(said.encode()) for message in messages for said in said_in(message))


def said_in(message: Message) -> list[str]:
    """Return the texts of a message."""
    content = message["content"]
    return [content] if isinstance(content, str) else [part.get("text", "") for part in content]


def style_names() -> list[str]:
    """Return the names of the styles that ship."""
    return sorted(each.name.removesuffix(_OWN) for each in _FOLDER.iterdir() if each.name.endswith(_OWN))


def open_style(name: str, source: str, target: str) -> PromptStyle:
    """Open a style by its name, or a file of one's own.

    Args:
        name: One of `style_names`, or the path of a TOML file.
        source: Any code or name of the source language.
        target: The same of the target language.

    Raises:
        ConfigError: There is no such style, or its file can't be used.
    """
    if name in style_names():
        return read_style(_FOLDER.joinpath(name + _OWN), source, target)
    path = Path(name).expanduser()
    if name.endswith(_OWN) and path.is_file():
        return read_style(path, source, target)
    raise ConfigError(unknown("prompt style", name, style_names()) + " Or name a TOML file of your own.")


def read_style(file: Traversable, source: str, target: str) -> PromptStyle:
    """Read a style for a pair of languages.

    Raises:
        ConfigError: The file isn't one.
    """
    settings = _read(file)
    pair = language(source).bcp47, language(target).bcp47
    other = next((each for each in settings.instead if set(each.languages) & set(pair)), None)
    words: Words = settings if other is None else other
    again = settings.again if other is None else other.again
    called = {} if other is None else other.names
    named = [called.get(code, language(code).name) for code in pair]
    names = dict(zip(("source", "target", "source_code", "target_code"), [*named, *pair], strict=True))
    numbered = settings.texts == "numbered"
    everything = [settings.texts, *(each.model_dump() for each in (words, again) if each is not None), names]
    name = file.name.removesuffix(_OWN)
    style = PromptStyle(
        name, content_hash([everything, settings.template])[:8], numbered, settings.template, words, again, names
    )
    _check(style, file)
    return style


def style_of_model(template: str, name: str) -> str:
    """Return the name of the style that a model wants, as far as it tells; else `PLAIN`.

    Args:
        template: Its chat template; empty where it has none.
        name: What it is called: the end of its folder or of its name on the hub.
    """
    for style in style_names():
        known = _read(_FOLDER.joinpath(style + _OWN)).known_by
        by_template = known.template and all(words in template for words in known.template)
        if by_template or any(part in name.lower() for part in known.name):
            return style
    return PLAIN


def _read(file: Traversable) -> _File:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: can't be read as a prompt style: {error}. Write it as those that ship.") from None
    return parse_settings(_File, content, str(file))


def _check(style: PromptStyle, file: Traversable) -> None:
    """Make sure that each asking can be written and says the text."""
    for again in (False, True):
        try:
            said = style.messages("\0", again=again)
        except (LookupError, ValueError, AttributeError) as error:
            known = ", ".join(f"{{{name}}}" for name in [*style.names, "text"])
            raise ConfigError(
                f"{file}: {error!r} in a prompt; it may have {known}, and braces of its own doubled."
            ) from None
        if not any("\0" in text for message in said for text in said_in(message)):
            raise ConfigError(f"{file}: a prompt doesn't say {{text}}.")
