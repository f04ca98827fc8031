"""Who is examined: the embedded base, a model's folder or name on the Hub, an arm of a comparison, the pipeline.

`SYSTEMS` names the kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from passerelle.config import HUB_NAME
from passerelle.errors import ConfigError, InputError, first_line, unknown
from passerelle.evaluation.asking.members import FamilyModel, LocalModel, Member, Opener, System, Wrap
from passerelle.evaluation.specification import Named
from passerelle.records import Question
from passerelle.runs import cache_folder, content_hash, read_json

if TYPE_CHECKING:
    from passerelle.evaluation.asking.answering import Answerer
    from passerelle.models.vlm import VisionLanguageModel
    from passerelle.translation.base import Translator


_NOT_READ = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.gguf", "*.onnx", "original/*")
"""Files of the Hub's models that aren't needed: weights are read from safetensors alone."""


def open_system(named: Named) -> System:
    """Find out what a model's specification means; nothing is loaded yet.

    Args:
        named: ``base``, ``prompted``, ``pipeline``, a folder of a model or an adapter or its name on the Hub,
            ``prompted:`` or ``pipeline:`` with one of these, or ``RUN_FOLDER:ARM`` with ``:SEED``.

    Raises:
        InputError: There is no such model or arm.
    """
    if named.what in SYSTEMS:
        return System(named.name, (SYSTEMS[named.what](),))
    run, _, rest = named.what.partition(":")
    method, model = (run, rest) if run in WRAPS else ("plain", named.what)
    if _is_model(Path(model)):
        return System(named.name, (_folder(Path(model), method),))
    if rest and Path(run).is_dir():
        arm, _, seed = rest.partition(":")
        return System(named.name, _arm_members(Path(run), arm, seed))
    if re.fullmatch(HUB_NAME, model) and not Path(model).exists():
        return System(named.name, (_folder(_from_hub(model), method),))
    raise InputError(
        f"no model {named.what!r}: give {', '.join(SYSTEMS)}, the folder of a model or an adapter (with config.json or "
        "adapter_config.json), its name on the Hugging Face Hub as ORG/NAME, prompted: or pipeline: with one of these, "
        "or an arm of a comparison, as runs/demo:lora-human."
    )


def _from_hub(name: str) -> Path:
    """Return the folder of a model of the Hugging Face Hub in the Hub's own cache; what isn't there is downloaded.

    Raises:
        InputError: There is none of this name, it may not be read, or the Hub can't be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, ignore_patterns=list(_NOT_READ)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"there is no folder {name!r}, and no model of this name can be had from the Hugging Face Hub: "
            f"{first_line(error)}"
        ) from error


def _embedded(method: str, wrap: Wrap | None) -> Opener:
    from passerelle.example.embedded import base_folder

    return Opener(f"{base_folder().name}|{method}", lambda: LocalModel(wrap, model=_load_embedded()))


def _load_embedded() -> VisionLanguageModel:
    from passerelle.example.embedded import assemble
    from passerelle.models.vlm import VisionLanguageModel

    return VisionLanguageModel.load(assemble())


def _folder(folder: Path, method: str = "plain") -> Opener:
    """Open the folder of a model or an adapter; its signature knows of the files' sizes and times only."""
    files = [(path.name, path.stat()) for path in sorted(folder.glob("*.safetensors"))]
    digest = content_hash([(name, stat.st_size, stat.st_mtime_ns) for name, stat in files])[:12]

    def opened() -> Member:
        from passerelle.models.pretrained import load_adapted
        from passerelle.models.vlm import VisionLanguageModel

        if _is_like_base(folder):
            return LocalModel(WRAPS[method], model=VisionLanguageModel.load(folder))
        pretrained = load_adapted(folder)
        if _is_like_base(_base_of(folder)):
            merged = pretrained.model.merge_and_unload().eval()
            return LocalModel(WRAPS[method], model=VisionLanguageModel(merged, pretrained.processor))
        return FamilyModel(WRAPS[method], pretrained=pretrained)

    return Opener(f"{folder.resolve().name}-{digest}|{method}", opened)


def _base_of(folder: Path) -> Path:
    """Return the folder of an adapter's base, should it be one."""
    return Path((read_json(folder / "adapter_config.json") or {}).get("base_model_name_or_path") or folder)


def _is_like_base(folder: Path) -> bool:
    """Whether it is a LLaVA model built like the embedded base: options are scored faster then, on shared prefixes."""
    config = read_json(folder / "config.json") or {}
    features = (config.get("vision_feature_layer"), config.get("vision_feature_select_strategy"))
    return config.get("model_type") == "llava" and features == (-1, "full")


def _is_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("config.json", "adapter_config.json"))


def _prompted_wrap(inner: Answerer, code: str) -> Answerer:
    from passerelle.evaluation.asking.answering import PromptedAnswerer
    from passerelle.languages.prompts import english
    from passerelle.languages.codes import language

    return (
        inner if code == "en" else PromptedAnswerer(inner, english().in_language.format(language=language(code).name))
    )


def _pipeline_wrap(inner: Answerer, code: str) -> Answerer:
    if code == "en":
        return inner
    from passerelle.evaluation.asking.answering import PipelineAnswerer
    from passerelle.translation.engines.apertium import ApertiumTranslator
    from passerelle.translation.memory.memorized import MemorizedTranslator
    from passerelle.translation.memory.memory import TranslationMemory

    memory = TranslationMemory(cache_folder() / "compare-translations.sqlite")
    into = SafePlain(MemorizedTranslator(ApertiumTranslator(code, "en"), memory))
    back = SafePlain(MemorizedTranslator(ApertiumTranslator("en", code), memory))
    return PipelineAnswerer(inner, lambda questions: into_english(questions, into), back)


class SafePlain:
    """An engine whose translations keep letters, numbers and marks; what can't be kept whole is the engine's own.

    Attributes:
        source: Language that it reads.
        target: Language that it writes.
        signature: The engine's.
    """

    def __init__(self, engine: Translator) -> None:
        from passerelle.translation.protection.safe import SafeTranslator

        self.source, self.target, self.signature = engine.source, engine.target, engine.signature
        self._engine, self._safe = engine, SafeTranslator(engine)

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself."""
        outcomes = self._safe.translate(texts)
        failed = [text for text, outcome in zip(texts, outcomes, strict=True) if outcome.text is None]
        plain = dict(zip(failed, self._engine.translate(failed), strict=True)) if failed else {}
        return [plain[t] if o.text is None else o.text for t, o in zip(texts, outcomes, strict=True)]


def into_english(questions: Sequence[Question], engine: Translator) -> list[Question]:
    """Translate prompts and options into English; option letters stay."""
    texts = list(dict.fromkeys(text for q in questions for text in (q.prompt, *q.options)))
    known = dict(zip(texts, engine.translate(texts), strict=True))
    return [
        replace(q, language="en", origin="machine", prompt=known[q.prompt], options=tuple(known[o] for o in q.options))
        for q in questions
    ]


def _arm_members(run: Path, arm: str, seed: str) -> tuple[Opener, ...]:
    """Find the trained seeds of an arm, or the untrained arm itself."""
    from passerelle.compare.arms import ARMS
    from passerelle.compare.ask import find_arm

    if arm not in ARMS:
        raise ConfigError(unknown("arm", arm, ARMS))
    if ARMS[arm].method is None:
        return (SYSTEMS.get(arm, SYSTEMS["base"])(),)
    if seed and not re.fullmatch(r"\d{1,9}", seed):
        raise InputError(f"{seed!r} is no seed: write {run}:{arm}:1, or {run}:{arm} for all of them.")
    found = {int((read_json(record) or {}).get("seed", 0)) for record in run.glob(f"arms/{arm}-*/arm.json")}
    seeds: list[int | None] = [int(seed)] if seed else [*sorted(found)] or [None]
    return tuple(_trained(find_arm(arm, run, each)) for each in seeds)


def _trained(folder: Path) -> Opener:
    from passerelle.example.embedded import base_folder

    def opened() -> LocalModel:
        from passerelle.compare.ask import load_arm

        model = _load_embedded()
        load_arm(model, folder)
        return LocalModel(model=model)

    return Opener(f"{base_folder().name}|{folder.name}", opened)


WRAPS: dict[str, Wrap | None] = {"plain": None, "prompted": _prompted_wrap, "pipeline": _pipeline_wrap}
"""What a method puts around a model's answerer."""

SYSTEMS: dict[str, Callable[[], Opener]] = {
    "base": lambda: _embedded("plain", None),
    "prompted": lambda: _embedded("prompted", _prompted_wrap),
    "pipeline": lambda: _embedded("pipeline", _pipeline_wrap),
}
