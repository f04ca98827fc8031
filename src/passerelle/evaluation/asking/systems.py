"""Who is examined, by name: the embedded base, a model's folder or name on the Hub, an adapter, an arm of a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.config import HUB_NAME
from passerelle.errors import ConfigError, InputError
from passerelle.evaluation.asking.members import LocalModel, Member, Opener, System
from passerelle.evaluation.asking.served import ServedModel, Server, open_server
from passerelle.evaluation.asking.wrapping import PIPELINE, PLAIN, WRAPPINGS, Wrapping
from passerelle.evaluation.specification import Named, ServedName, read_braces, read_served, split_translation
from passerelle.languages.phrasebook import shipped_digest
from passerelle.models.families import own_digest
from passerelle.models.names import EMBEDDED, local_folder, model_digest
from passerelle.runs import ARMS, content_hash, find_arm, read_arms
from passerelle.translation.both_ways import ENGLISH, TranslationSettings, signature_of
from passerelle.translation.memory.whole_texts import rules

if TYPE_CHECKING:
    from passerelle.models.pretrained import PretrainedModel

_EXAMPLES = (
    f"give {EMBEDDED}, the folder of a model or an adapter (with config.json or adapter_config.json), its name on the "
    f"Hugging Face Hub as ORG/NAME, an arm of a comparison as runs/demo:lora, a model behind a server as "
    "openai:MODEL@http://HOST:8000/v1, or one of these behind prompted:, pipeline: or pipeline{ENGINE}:"
)


def open_system(named: Named, translation: TranslationSettings | None = None) -> System:
    """Find out what a model's specification means; nothing is loaded yet.

    Args:
        named: ``embedded``, a folder of a model or an adapter or its name on the Hub, ``RUN_FOLDER:ARM`` with
            ``:SEED`` or without, ``openai:MODEL@URL`` with ``{OPTIONS}`` before the colon or without, or any of these
            behind ``prompted:``, ``pipeline:`` or ``pipeline{ENGINES}:``.
        translation: The engines of a pipeline that names none [Apertium].

    Raises:
        ConfigError: No model is named behind the method, a run has no such arm, or the engines aren't named as they
            are to be.
        InputError: There is no such model or run.
    """
    what, engines = split_translation(named.what)
    method, colon, model = what.partition(":")
    if engines and method != PIPELINE:
        raise ConfigError(f"{named.what!r}: {method} translates nothing; write {PIPELINE}{{{engines}}}:{model}.")
    if method not in WRAPPINGS or method == PLAIN:
        method, model = PLAIN, what
    elif not model:
        raise ConfigError(f"{method} of which model? Write {method}:{EMBEDDED}, or another model behind it.")
    settings = translation or TranslationSettings()
    if engines:
        settings = settings.changed(_parsed(engines, named.what), repr(named.what))
    if (served := read_served(model)) is not None:
        return System(named.name, (_served(served, method, settings),))
    run, _, arm = model.partition(":")
    if arm and not Path(model).exists() and Path(run).is_dir():
        return System(named.name, tuple(_arm_members(Path(run), arm, method, settings)))
    return System(named.name, (_opener(model, method, settings),))


def _parsed(engines: str, where: str) -> Any:
    """Read the engines of a pipeline: one, or ``into: ENGINE, back: ENGINE``."""
    found = read_braces(engines, "engines", where)
    named = list(found.items())
    return named[0][0] if len(named) == 1 and named[0][1] is None else found


def _arm_members(run: Path, given: str, method: str, settings: TranslationSettings) -> Iterable[Opener]:
    """Return the models of an arm of a run: one for each seed, or that of one seed."""
    name, _, seed = given.partition(":")
    arm = find_arm(run, name)
    if seed and seed not in arm.models:
        seeds = ", ".join(each for each in arm.models if each) or "no seeds"
        raise InputError(f"{name!r} has {seeds} in {str(run)!r}: write {run}:{name}, or {run}:{name}:SEED.")
    if method != PLAIN and arm.method != PLAIN:
        raise ConfigError(f"{name!r} is {arm.method} itself: leave {method}: out.")
    own = TranslationSettings.model_validate(arm.translation) if arm.translation else settings
    around = arm.method if arm.method != PLAIN else method
    for each, model in arm.models.items():
        if seed in ("", each):  # it may be any model that can be named, a served one or an arm of another run too
            yield from open_system(Named(name, model if around == PLAIN else f"{around}:{model}"), own).members


def _opener(model: str, method: str, settings: TranslationSettings) -> Opener:
    if model == EMBEDDED:
        from passerelle.example.embedded import base_folder

        return _opened(base_folder().name, EMBEDDED, method, settings)
    folder = Path(model)
    if not _is_model(folder):
        folder = _inside(folder) or _elsewhere(model)
    own = own_digest()  # how a model is asked hangs on its family
    signature = "-".join([folder.resolve().name, model_digest(folder)[:12], *([own] if own else [])])
    return _opened(signature, str(folder), method, settings)


def _is_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("config.json", "adapter_config.json"))


def _inside(folder: Path) -> Path | None:
    """Return the model in the folder of an adaptation: what `passerelle adapt` wrote there last of all."""
    if (folder / ARMS).is_file():
        return None
    return next((folder / kind for kind in ("merged", "adapter", "model") if _is_model(folder / kind)), None)


def _served(name: ServedName, method: str, settings: TranslationSettings) -> Opener:
    if name not in _servers:  # a budget is that of the command, whatever is put around the model
        _servers[name] = open_server(name)
    server = _servers[name]
    return _wrapped(server.signature, method, settings, lambda wrapping: ServedModel(server, wrapping))


def _opened(signature: str, model: str, method: str, settings: TranslationSettings) -> Opener:
    def opened(wrapping: Wrapping) -> Member:
        if signature not in _loaded:  # what nothing is put around and what a pipeline is put around are the same
            _loaded.clear()
            _loaded[signature] = _load(Path(model))
        return LocalModel(_loaded[signature], wrapping)

    return _wrapped(signature, method, settings, opened)


def _wrapped(
    signature: str, method: str, settings: TranslationSettings, opened: Callable[[Wrapping], Member]
) -> Opener:
    translates = method == PIPELINE
    how = f"|{_translated_how()}" if translates else ""
    by = partial(_translated_by, settings) if translates else lambda language: ""
    return Opener(f"{signature}|{method}{how}", lambda: opened(WRAPPINGS[method](settings)), by)


def _translated_how() -> str:
    """Return a digest of how a pipeline's texts are translated, whatever the engine: rules, known sentences."""
    return content_hash([rules(), shipped_digest()])[:8]


def _translated_by(settings: TranslationSettings, language: str) -> str:
    """Return the signature of a pipeline's engines; empty in English, where it doesn't translate."""
    return "" if language == ENGLISH else signature_of(settings, language)


_loaded: dict[str, PretrainedModel] = {}
"""The model that was opened last, by its signature: never two at once."""
_servers: dict[ServedName, Server] = {}
"""Servers with open connections, each with its one budget and pace."""


def _load(folder: Path) -> PretrainedModel:
    from passerelle.models.precision import best_device
    from passerelle.models.pretrained import load_adapted

    pretrained = load_adapted(folder, device=best_device())
    if hasattr(pretrained.model, "merge_and_unload"):  # an adapter apart costs a third of the time
        pretrained.model = pretrained.model.merge_and_unload().eval()
    return pretrained


def forget_loaded() -> None:
    """Give the memory of the model that was opened last back, and close the connections to servers."""
    _loaded.clear()
    close_servers()


def close_servers() -> None:
    """Close the connections to served models; these can't be asked any more."""
    while _servers:
        _servers.popitem()[1].close()


def _elsewhere(model: str) -> Path:
    """Return the folder of a model that isn't one on this machine; what the Hub has is downloaded.

    Raises:
        InputError: There is none of this name, it may not be read, or the Hub can't be reached.
    """
    if (Path(model) / ARMS).is_file():
        arms = ", ".join(f"{model}:{name}" for name in read_arms(Path(model)))
        raise InputError(f"{model!r} is a run: name one of its arms, {arms}.")
    if not re.fullmatch(HUB_NAME, model) or Path(model).exists():
        raise InputError(f"no model {model!r}: {_EXAMPLES}.")
    return local_folder(model)
