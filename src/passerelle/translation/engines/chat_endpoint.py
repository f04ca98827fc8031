"""Translation by a language model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import json
import logging
import math
import re
import threading
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import lru_cache
from importlib import resources
from typing import Any

from passerelle.endpoints.budget import Budget, Prices, Spent
from passerelle.endpoints.pace import FIRST, Pace
from passerelle.endpoints.requests import Endpoint, Reply, RequestRefused
from passerelle.endpoints.sending import all_at_once, errors_of, send_within, tokens_in
from passerelle.errors import EngineStopped
from passerelle.languages.codes import language
from passerelle.runs import content_hash
from passerelle.translation.engines.inner_texts import translate_inner

_log = logging.getLogger(__name__)

OPENAI = "https://api.openai.com/v1"
_FENCE = re.compile(r"\A```[a-z]*\n(.*)\n```\Z", re.DOTALL)
# The longest a translation may be expected to be, against its source.
_EXPANSION = 1.5


class ChatTranslator:
    """Translates by asking a language model for numbered texts as JSON, several at once.

    An answer with other numbers than were asked for, or that is no JSON, is thrown away and its texts are asked
    for again in halves; so are texts that the endpoint refuses, if it took others. A text that fails by itself
    too gets an empty translation.

    A remote model may answer otherwise tomorrow, under the same name: the translation memory is what makes its
    work repeatable.

    Attributes:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        signature: Model, place, temperature and prompt; never the key.
        prompt: The data file of what the model is told.
    """

    prompt = "translation_prompt.toml"

    def __init__(
        self,
        model: str,
        source: str,
        target: str,
        *,
        url: str = OPENAI,
        key_variable: str = "OPENAI_API_KEY",
        texts_at_once: int = 20,
        concurrency: int = 0,
        temperature: float | None = 0.0,
        most_tokens: int | None = None,
        most_cost: float | None = None,
        input_price: float = 0.0,
        output_price: float = 0.0,
        timeout_seconds: float = 120.0,
        retries: int = 6,
        first_wait_seconds: float = 1.0,
    ) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            model: The model's name at the endpoint.
            source: Any code or name of the source language.
            target: The same of the target language.
            url: The endpoint, up to and with its version, for example ``http://localhost:8000/v1``.
            key_variable: Environment variable with the key; no key is sent if it isn't set.
            texts_at_once: Most texts in one request.
            concurrency: Most requests under way; 0: as many as the endpoint answers fastest, 64 at most, found while it
                works; under a budget 4, since each one that is under way holds a part of it.
            temperature: ``None`` for models that take none.
            most_tokens: Budget in tokens, in and out.
            most_cost: Budget in money, in the currency of the prices.
            input_price: Price of a million tokens in.
            output_price: Price of a million tokens out.
            timeout_seconds: How long one answer may take.
            retries: How often a request is sent again after errors 429 and 5xx, time-outs and lost connections.
            first_wait_seconds: Wait before the first retry; it doubles each time, unless the endpoint says how long.

        Raises:
            ConfigError: The URL can't be used, or a budget in money lacks prices.
            MissingDependency: httpx isn't installed.
        """
        self.source, self.target = language(source).bcp47, language(target).bcp47
        self._system = _system(self.prompt, self.source, self.target)
        self._prices = Prices(input_price, output_price)
        self._budget = Budget(self._prices, most_tokens, most_cost)
        self._endpoint = Endpoint(url, key_variable, timeout_seconds, retries, first_wait_seconds)
        self._settings = {"model": model} | ({} if temperature is None else {"temperature": temperature})
        budgeted = most_tokens is not None or most_cost is not None
        self._texts_at_once, self._pace = texts_at_once, Pace(concurrency or (FIRST if budgeted else 0))
        self._came: Callable[[dict[str, str]], None] = lambda translations: None
        self.signature = (
            f"openai {model} at {self._endpoint.place} temperature {temperature} "
            f"prompt {content_hash(self._system)[:8]} texts {texts_at_once}"
        )

    @property
    def spent(self) -> Spent:
        """What the engine has cost so far."""
        return self._budget.spent

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself.

        Args:
            texts: Texts in the source language.

        Returns:
            One translation for each text, in the same order; empty where no usable answer came.

        Raises:
            BudgetSpent: The budget doesn't reach; the error holds what was translated before.
            EngineStopped: The endpoint can't be reached or gives errors all the time; the same.
            ConfigError: The endpoint refuses the key, the model or the request.
        """
        return translate_inner(texts, self._ask)

    def estimate(self, texts: int, characters: int) -> Spent:
        """Return what so many texts would cost at most; nothing is sent."""
        requests = math.ceil(texts / self._texts_at_once)
        numbers = texts * len('"99": "", ')
        expected = tokens_in((characters + numbers) * _EXPANSION)
        asked = tokens_in(requests * len(self._system.encode()) + characters + numbers)
        return Spent(requests, asked, expected, self._prices.cost(asked, expected))

    def tell(self, came: Callable[[dict[str, str]], None]) -> None:
        """Have translations told as soon as they come, long before all are there: each has been paid."""
        self._came = came

    def close(self) -> None:
        """Close the connections. The translator can't be used any more."""
        self._endpoint.close()

    def _ask(self, texts: list[str]) -> list[str]:
        """Send all requests, some at once; at an error, wait for those under way and keep what they bring."""
        batches = [texts[start : start + self._texts_at_once] for start in range(0, len(texts), self._texts_at_once)]
        futures = all_at_once(self._translate_batch, batches, self._pace.most, "chat", self._came)
        done = [future for future in futures if not future.cancelled() and future.exception() is None]
        translations = {text: answer for future in done for text, answer in future.result().items()}
        _raise_first(futures, translations)
        return [translations[text] for text in texts]

    def _translate_batch(self, batch: list[str], stop: threading.Event) -> dict[str, str]:
        try:
            answers, fault = _parse(self._send(batch, stop), len(batch))
        except RequestRefused as refused:
            if not self.spent.requests:
                raise  # it takes none at all
            answers, fault = None, str(refused)
        if answers is not None:
            return dict(zip(batch, answers, strict=True))
        if len(batch) == 1:
            _log.warning("no usable translation of %r: %s", batch[0][:200], fault)
            return {batch[0]: ""}
        _log.info("%d texts are asked for again in halves: %s", len(batch), fault)
        middle = len(batch) // 2
        first = self._translate_batch(batch[:middle], stop)
        try:
            return first | self._translate_batch(batch[middle:], stop)
        except EngineStopped as stopped:
            stopped.translations.update(first)
            raise

    def _content(self, text: str) -> Any:
        """Return what is sent for a text."""
        return text

    def _send(self, batch: list[str], stop: threading.Event) -> Reply:
        contents = {str(number): self._content(text) for number, text in enumerate(batch, 1)}
        numbered = json.dumps(contents, ensure_ascii=False)
        asked = tokens_in(len((self._system + numbered).encode()))
        expected = tokens_in(len(numbered.encode()) * _EXPANSION)
        messages = [{"role": "system", "content": self._system}, {"role": "user", "content": numbered}]
        with self._pace.slot(len(numbered)) as busy:
            request = {**self._settings, "messages": messages}
            return send_within(self._budget, self._endpoint, request, (asked, expected), stop, busy)[0]


def _raise_first(futures: Sequence[Future[dict[str, str]]], translations: dict[str, str]) -> None:
    """Raise the first error that ended the work, with all that was translated; those that it caused don't count."""
    errors = errors_of(futures)
    if not errors:
        return
    for error in errors:
        translations.update(error.translations if isinstance(error, EngineStopped) else {})
    first = errors[0]
    if isinstance(first, EngineStopped):
        first.translations.update({text: answer for text, answer in translations.items() if answer})
    raise first


def _parse(reply: Reply, count: int) -> tuple[list[str] | None, str]:
    """Read the numbered translations; ``None`` and what is wrong if they aren't those that were asked for."""
    if reply.cut_off:
        return None, "the answer was cut off"
    text = reply.text.strip()
    fenced = _FENCE.match(text)
    try:
        found = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return None, f"no JSON: {text[:80]!r}"
    if not isinstance(found, dict) or set(found) != {str(number) for number in range(1, count + 1)}:
        size = len(found) if isinstance(found, dict | list) else 1
        return None, f"{size} answers, or answers with other numbers, for {count} texts"
    answers = [found[str(number)] for number in range(1, count + 1)]
    if not all(isinstance(answer, str) for answer in answers):
        return None, "an answer that is no text"
    return answers, ""


def _system(prompt: str, source: str, target: str) -> str:
    return _prompt(prompt).format(source=language(source).name, target=language(target).name)


@lru_cache
def _prompt(name: str) -> str:
    file = resources.files("passerelle.data").joinpath(name)
    text: str = tomllib.loads(file.read_text(encoding="utf-8"))["system"]
    return text.strip()
