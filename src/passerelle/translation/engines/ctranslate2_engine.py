"""Translation by CTranslate2, which runs converted models fast on a CPU or a GPU."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from passerelle.errors import ConfigError, InputError, MissingDependency, RunError, to_install
from passerelle.languages.codes import language, same_language
from passerelle.translation.engines.inner_texts import answer_by_length, model_digest, translate_inner
from passerelle.translation.engines.language_tokens import language_tokens
from passerelle.translation.engines.pieces import open_pieces

_CONVERT = "ct2-transformers-converter --model Helsinki-NLP/opus-mt-en-fr --copy_files source.spm target.spm"
_VOCABULARIES = ("shared_vocabulary", "source_vocabulary")


class CTranslate2Translator:
    """Translates with a converted model: OPUS-MT, NLLB, MADLAD-400, or a package of Argos Translate.

    Decoding is greedy unless `beams` says otherwise.

    Attributes:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        signature: Version, the model's name and digest, number type, device, beams.
        gains_by_large_batches: Tells a `MemorizedTranslator` that many texts at once are faster.
    """

    gains_by_large_batches = True

    def __init__(
        self,
        folder: Path,
        source: str,
        target: str,
        *,
        beams: int = 1,
        batch_tokens: int = 4096,
        compute_type: str = "default",
        device: str = "cpu",
        threads: int = 0,
        longest_tokens: int = 512,
    ) -> None:
        """Load the model.

        Args:
            folder: The converted model with its tokenizer files.
            source: Any code or name of the source language.
            target: The same of the target language.
            beams: Beam size; 1 is greedy.
            batch_tokens: Most tokens that are translated at once.
            compute_type: CTranslate2's number type, for example ``int8``; ``default`` is as it was saved.
            device: ``cpu``, ``cuda`` or ``auto``.
            threads: Processor threads; 0 leaves the choice to CTranslate2.
            longest_tokens: Most tokens that the model takes at once: 512 for most. Texts with more get an empty
                translation; the model would cut them off.

        Raises:
            ConfigError: The model doesn't know one of the languages, or translates others.
            InputError: The folder holds no converted model, or no tokenizer.
            MissingDependency: CTranslate2 isn't installed, or there is no such folder.
        """
        self.source, self.target = language(source).bcp47, language(target).bcp47
        model = _model_folder(folder)
        _check_pair(folder, self.source, self.target)
        self._pieces = open_pieces(folder, self.source, "ctranslate2")
        config = _read_json(model / "config.json", {})
        self._tokens = language_tokens(_vocabulary(model), self.source, self.target)
        self._end = _end(config)
        self._beams, self._batch_tokens, self._longest = beams, batch_tokens, longest_tokens
        self._translator = _load(model, device, compute_type, threads)
        self.signature = (
            f"ctranslate2 {_version()} {folder.resolve().name} {model_digest(folder)} "
            f"{self._translator.compute_type} {self._translator.device} beams {beams} longest {longest_tokens}"
        )

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself.

        Args:
            texts: Texts, best of one sentence each.

        Returns:
            One translation for each text, in the same order; empty for a text that is too long.

        Raises:
            RunError: The model can't go on; the message says which option may help.
        """
        return translate_inner(texts, self._ask)

    def _ask(self, texts: list[str]) -> list[str]:
        marks = [token for token in (self._tokens.in_front, self._tokens.source) if token]
        cut = [[*marks, *self._pieces.cut(text), *self._end] for text in texts]

        def decode(rows: list[int], limit: int) -> list[str]:
            return self._decode([cut[row] for row in rows], limit)

        # CTranslate2 divides what it gets into batches itself: only the limit differs from length to length.
        return answer_by_length([len(tokens) for tokens in cut], self._longest, len(texts) * self._longest, decode)

    def _decode(self, batch: list[list[str]], limit: int) -> list[str]:
        first = [self._tokens.target] if self._tokens.target else []
        try:
            results = self._translator.translate_batch(
                batch,
                target_prefix=[first] * len(batch) if first else None,
                beam_size=self._beams,
                max_batch_size=self._batch_tokens,
                batch_type="tokens",
                max_input_length=0,  # else it cuts off
                max_decoding_length=limit,
            )
        except RuntimeError as error:
            raise RunError(
                f"CTranslate2 failed: {error}. If the model takes fewer than {self._longest} tokens, set the option "
                "longest_tokens to what it takes; if memory ran out, set batch_tokens lower."
            ) from error
        return [self._pieces.join(result.hypotheses[0][len(first) :]) for result in results]


def _load(model: Path, device: str, compute_type: str, threads: int) -> Any:
    try:
        import ctranslate2
    except ImportError as missing:
        how = to_install("ctranslate2")
        raise MissingDependency(f"CTranslate2 isn't installed. Install it with: {how}") from missing
    try:
        return ctranslate2.Translator(str(model), device=device, compute_type=compute_type, intra_threads=threads)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"CTranslate2 can't load {str(model)!r}: {error}. Convert it again: {_CONVERT}") from error


def _version() -> str:
    import ctranslate2

    return str(ctranslate2.__version__)


def _model_folder(folder: Path) -> Path:
    """The folder with the weights; packages of Argos Translate have it inside."""
    for candidate in (folder, folder / "model"):
        if (candidate / "model.bin").is_file():
            return candidate
    convert = f"{_CONVERT} --output_dir {folder}"
    if not folder.is_dir():
        raise MissingDependency(f"no model folder {str(folder)!r}. Make one, for example with: {convert}")
    raise InputError(f"no model.bin in {str(folder)!r}: it isn't a converted model. Convert one with: {convert}")


def _check_pair(folder: Path, source: str, target: str) -> None:
    """Hold a package of Argos Translate to the languages that it says it translates."""
    package = _read_json(folder / "metadata.json", {})
    pair = package.get("from_code"), package.get("to_code")
    if all(pair) and not (same_language(pair[0], source) and same_language(pair[1], target)):
        raise ConfigError(f"the model in {str(folder)!r} translates {pair[0]} to {pair[1]}, not {source} to {target}.")


def _end(config: dict[str, Any]) -> list[str]:
    """The token that ends a source text, unless CTranslate2 adds it or the model learnt without (OpenNMT, Argos)."""
    end = config.get("eos_token") or "</s>"
    needless = config.get("add_source_eos") or config.get("decoder_start_token", "<s>") == "<s>"
    return [] if needless else [end]


def _vocabulary(model: Path) -> list[str]:
    for name in _VOCABULARIES:
        if (model / f"{name}.json").is_file():
            return [str(token) for token in _read_json(model / f"{name}.json", [])]
        if (model / f"{name}.txt").is_file():
            # Tokens may be any letters, also such as Python takes for the end of a line.
            return (model / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    raise InputError(f"no vocabulary in {str(model)!r}: {' or '.join(_VOCABULARIES)}, .json or .txt.")


def _read_json(path: Path, missing: Any) -> Any:
    if not path.is_file():
        return missing
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} isn't JSON: {error}.") from error
