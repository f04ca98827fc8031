"""The engines by name, and how a command names them: ``apertium``, ``seq2seq:FOLDER`` and so on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.languages.codes import language
from passerelle.runs import cache_folder
from passerelle.translation.base import Translator

if TYPE_CHECKING:
    from passerelle.translation.engines.post_editing import PostEditor
    from passerelle.translation.memory.protocol import Memory

Factory = Callable[[str, str, str, dict[str, Any]], Translator]

EXAMPLES = {
    "apertium": "apertium",
    "causal": "causal:FOLDER-OR-NAME",
    "ctranslate2": "ctranslate2:FOLDER",
    "memory": "memory",
    "openai": "openai:MODEL@https://HOST/v1",
    "seq2seq": "seq2seq:FOLDER-OR-NAME",
}


MEMORY = "memory"


def open_engine(spec: str, source: str, target: str, options: Mapping[str, Any], memory: Memory) -> Translator:
    """Open an engine that works beside a translation memory: ``memory`` alone is that one.

    Args:
        spec: As `make_engine` takes it.
        source: Any code or name of the source language.
        target: The same of the target language.
        options: Options of the engine.
        memory: The memory.

    Returns:
        The engine, ready to translate.

    Raises:
        ConfigError: Unknown engine, option or language; something is missing in the specification.
        InputError: The model can't be loaded.
        MissingDependency: A program, a package or a file is missing; the message says how to get it.
    """
    # Codes without a country: what an engine calls the language is its own affair.
    source, target = language(source).bcp47, language(target).bcp47
    if spec == MEMORY and not options:
        from passerelle.translation.engines.remembered import RememberedTranslator

        return RememberedTranslator(memory, source, target)
    return make_engine(spec, source, target, **options)


def make_engine(spec: str, source: str, target: str, **options: Any) -> Translator:
    """Make the engine that a specification names.

    Args:
        spec: The engine's name, with a colon and what it needs: see `EXAMPLES`.
        source: Any code or name of the source language.
        target: The same of the target language.
        options: Options of the engine, as its class takes them.

    Returns:
        The engine, ready to translate.

    Raises:
        ConfigError: Unknown engine, option or language; something is missing in the specification.
        InputError: The model can't be loaded.
        MissingDependency: A program, a package or a file is missing; the message says how to get it.
    """
    name, _, place = spec.partition(":")
    if name not in ENGINES:
        raise ConfigError(unknown("engine", name, ENGINES) + f" Write it as in {EXAMPLES['ctranslate2']!r}.")
    return ENGINES[name](place.strip(), source, target, options)


def _apertium(place: str, source: str, target: str, options: dict[str, Any]) -> Translator:
    from passerelle.translation.engines.apertium import ApertiumTranslator

    if place:
        raise ConfigError(f"apertium takes nothing after a colon, but {place!r} is there; write 'apertium'.")
    return ApertiumTranslator(source, target, **_checked("apertium", ApertiumTranslator, options))


def _causal(place: str, source: str, target: str, options: dict[str, Any]) -> Translator:
    from passerelle.translation.engines.causal import CausalTranslator

    model = _needed("causal", place)
    return CausalTranslator(model, source, target, **_checked("causal", CausalTranslator, options))


def _ctranslate2(place: str, source: str, target: str, options: dict[str, Any]) -> Translator:
    from passerelle.translation.engines.ctranslate2_engine import CTranslate2Translator

    folder = Path(_needed("ctranslate2", place)).expanduser()
    return CTranslate2Translator(folder, source, target, **_checked("ctranslate2", CTranslate2Translator, options))


def _memory(place: str, source: str, target: str, options: dict[str, Any]) -> Translator:
    from passerelle.translation.engines.remembered import RememberedTranslator
    from passerelle.translation.memory.memory import TranslationMemory

    path = Path(place).expanduser() if place else cache_folder() / "translations.sqlite"
    checked = _checked("memory", RememberedTranslator, options)
    if place and not path.is_file():
        raise InputError(f"no translation memory at {str(path)!r}: name one that exists.")
    # One's own begins empty: a comparison fills it before it asks.
    return RememberedTranslator(TranslationMemory(path, reads_only=path.is_file()), source, target, **checked)


def make_post_editor(spec: str, source: str, target: str, **options: Any) -> PostEditor:
    """Make what corrects translations, by a specification as ``openai:MODEL@https://HOST/v1``.

    Args:
        spec: As `EXAMPLES` has it for ``openai``.
        source: Any code or name of the source language.
        target: The same of the target language.
        options: Options of the engine ``openai``.

    Raises:
        ConfigError: Another engine, an unknown option or language; something is missing in the specification.
        MissingDependency: httpx isn't installed.
    """
    from passerelle.translation.engines.post_editing import PostEditor

    name, _, place = spec.partition(":")
    if name != "openai":
        raise ConfigError(f"{name!r} can't correct translations; write {EXAMPLES['openai']!r}.")
    model, url = _model_and_url(place.strip())
    return PostEditor(model, source, target, **{**_checked("openai", PostEditor, options), **url})


def _openai(place: str, source: str, target: str, options: dict[str, Any]) -> Translator:
    from passerelle.translation.engines.chat_endpoint import ChatTranslator

    model, url = _model_and_url(place)
    return ChatTranslator(model, source, target, **{**_checked("openai", ChatTranslator, options), **url})


def _model_and_url(place: str) -> tuple[str, dict[str, str]]:
    from passerelle.endpoints.requests import model_and_url

    model, url = model_and_url(_needed("openai", place))
    return model, {"url": url} if url else {}


def _seq2seq(place: str, source: str, target: str, options: dict[str, Any]) -> Translator:
    from passerelle.translation.engines.seq2seq import Seq2SeqTranslator

    model = _needed("seq2seq", place)
    return Seq2SeqTranslator(model, source, target, **_checked("seq2seq", Seq2SeqTranslator, options))


def _needed(name: str, place: str) -> str:
    if not place:
        raise ConfigError(f"{name} needs more: write it as in {EXAMPLES[name]!r}.")
    return place


def _checked(name: str, kind: type, options: dict[str, Any]) -> dict[str, Any]:
    """Refuse an option that the engine doesn't have, and a word where it takes a number."""
    parameters = inspect.signature(kind).parameters
    allowed = [each.name for each in parameters.values() if each.kind is inspect.Parameter.KEYWORD_ONLY]
    for option, value in options.items():
        if option not in allowed and not allowed:
            raise ConfigError(f"{name} has no options, but {option!r} was given.")
        if option not in allowed:
            raise ConfigError(unknown(f"option of {name}", option, allowed))
        usual = parameters[option].default
        if isinstance(value, str) != isinstance(usual, str):
            raise ConfigError(f"option {option!r} of {name} can't be {value!r}; it is {usual!r} unless given.")
    return options


ENGINES: dict[str, Factory] = {
    "apertium": _apertium,
    "causal": _causal,
    "ctranslate2": _ctranslate2,
    "memory": _memory,
    "openai": _openai,
    "seq2seq": _seq2seq,
}
