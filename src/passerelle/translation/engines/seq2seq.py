"""Translation by any sequence-to-sequence model of transformers: OPUS-MT, NLLB, M2M-100, MADLAD-400, mBART-50."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.errors import ConfigError, MissingDependency, to_install
from passerelle.languages.codes import language, same_language
from passerelle.models.loading import errors_of_model, load_whole
from passerelle.progress import quiet
from passerelle.translation.engines.inner_texts import answer_by_length, translate_inner
from passerelle.translation.engines.language_tokens import language_tokens
from passerelle.translation.engines.local_models import chosen_device, find_model, number_type, signature_of

if TYPE_CHECKING:
    import torch

_LONGEST_TOKENS = 512
_MARIAN = "marian"


class Seq2SeqTranslator:
    """Translates with an ``AutoModelForSeq2SeqLM``, in batches of texts of about one length.

    Decoding is greedy unless `beams` says otherwise. A translation may have about twice as many tokens as its
    source; that limit hangs on the text alone, so that a text's batch doesn't change its translation. (In
    bfloat16 it still can, by rounding.)

    Attributes:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        signature: Version, the model's name and digest or commit, number type, device, beams.
        gains_by_large_batches: Tells a `MemorizedTranslator` that many texts at once are faster.
    """

    gains_by_large_batches = True

    def __init__(
        self,
        model: str | Path,
        source: str,
        target: str,
        *,
        beams: int = 1,
        batch_tokens: int = 4096,
        dtype: str = "auto",
        device: str = "auto",
    ) -> None:
        """Load the model; code that comes with it is never run.

        Args:
            model: A folder, or a name on the model hub.
            source: Any code or name of the source language.
            target: The same of the target language.
            beams: Beam size; 1 is greedy.
            batch_tokens: Most source tokens that are translated at once, padding included.
            dtype: One of `NUMBER_TYPES`; ``auto`` is bfloat16 on a GPU that can, else float32.
            device: ``cpu``, ``cuda`` or ``auto``.

        Raises:
            ConfigError: The model doesn't know one of the languages, or translates others.
            InputError: The model can't be loaded.
            MissingDependency: A package is missing, or there is no such model.
        """
        self.source, self.target = language(source).bcp47, language(target).bcp47
        self._device = chosen_device(device)
        self._model, self._tokenizer = _load(str(model), self._device, number_type(dtype, self._device))
        self._prefix = ""
        self._options: dict[str, Any] = {"num_beams": beams, "do_sample": False}
        self._tell_languages()
        self._batch_tokens = batch_tokens
        self._longest = _longest(self._model, self._tokenizer)
        self.signature = f"seq2seq {signature_of(self._model, str(model))} beams {beams}"

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself.

        Args:
            texts: Texts, best of one sentence each.

        Returns:
            One translation for each text, in the same order; empty for a text that is too long for the model.
        """
        return translate_inner(texts, self._ask)

    def _tell_languages(self) -> None:
        # M2M-100's tokenizer keeps its languages apart from its vocabulary.
        vocabulary = {*self._tokenizer.get_vocab(), *getattr(self._tokenizer, "lang_token_to_id", ())}
        tokens = language_tokens(vocabulary, self.source, self.target)
        if tokens.in_front:
            self._prefix = f"{tokens.in_front} "
        elif tokens.target:
            self._tokenizer.src_lang = tokens.source_code
            self._options["forced_bos_token_id"] = self._tokenizer.convert_tokens_to_ids(tokens.target)
        else:
            _check_pair(self._tokenizer, self.source, self.target)

    def _ask(self, texts: list[str]) -> list[str]:
        encoded = self._tokenizer([self._prefix + text for text in texts], verbose=False)["input_ids"]

        def generate(rows: list[int], limit: int) -> list[str]:
            return self._generate([encoded[row] for row in rows], limit)

        return answer_by_length([len(ids) for ids in encoded], self._longest, self._batch_tokens, generate)

    def _generate(self, batch: list[list[int]], limit: int) -> list[str]:
        """Translate one batch of token ids; `limit` is the most tokens of a translation."""
        import torch

        longest = max(map(len, batch))
        padding = self._tokenizer.pad_token_id
        ids = torch.tensor([row + [padding] * (longest - len(row)) for row in batch], device=self._device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch], device=self._device)
        with torch.inference_mode():
            out = self._model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=limit, **self._options)
        # Not every tokenizer counts the language that was forced on the model as special.
        forced = self._options.get("forced_bos_token_id")
        translations = [[number for number in row if number != forced] for row in out.tolist()]
        return [str(text) for text in self._tokenizer.batch_decode(translations, skip_special_tokens=True)]


def _load(model: str, device: str, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

    quiet()
    place, advice = find_model(model, "Helsinki-NLP/opus-mt-en-fr")
    with errors_of_model(model, "a sequence-to-sequence model", advice):
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        _check_packages(config.model_type)
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        loaded = load_whole(AutoModelForSeq2SeqLM, place, dtype=dtype, trust_remote_code=False).to(device).eval()
    # The model's own limit would win over ours, with a warning for each batch.
    loaded.generation_config.max_length = None
    return loaded, tokenizer


def _check_packages(model_type: str) -> None:
    """Ask for what tokenizers import late, or, like sacremoses, do without and then translate otherwise."""
    needed = {_MARIAN: ("sentencepiece", "sacremoses"), "m2m_100": ("sentencepiece",)}
    for package in needed.get(model_type, ()):
        if importlib.util.find_spec(package) is None:
            raise MissingDependency(f"{package} isn't installed. Install it with: {to_install('seq2seq')}")


def _check_pair(tokenizer: Any, source: str, target: str) -> None:
    """Hold a model of one pair to the languages that it says it translates."""
    pair = getattr(tokenizer, "source_lang", None), getattr(tokenizer, "target_lang", None)
    if not all(pair):
        return
    try:
        right = same_language(str(pair[0]), source) and same_language(str(pair[1]), target)
    except ConfigError:
        return  # a group of languages, such as `roa`, which only its makers can name
    if not right:
        raise ConfigError(f"the model translates {pair[0]} to {pair[1]}, not {source} to {target}.")


def _longest(model: Any, tokenizer: Any) -> int:
    """Most tokens that the model takes at once, its marks included."""
    positions = getattr(model.config, "max_position_embeddings", None) or _LONGEST_TOKENS
    return min(int(positions), int(tokenizer.model_max_length))
