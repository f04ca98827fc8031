"""Translation by a language model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from importlib.resources import files
from typing import Any

from passerelle.endpoints.budget import Budget, Spent, prices_of
from passerelle.endpoints.pace import FIRST, Pace
from passerelle.endpoints.requests import Endpoint, Reply, RequestRefused
from passerelle.endpoints.sending import all_at_once, errors_of, send_within, tokens_in
from passerelle.errors import ConfigError, EngineStopped
from passerelle.languages.codes import language
from passerelle.runs import content_hash
from passerelle.translation.base import Lost
from passerelle.translation.engines.inner_texts import translate_inner
from passerelle.translation.prompting.numbered import numbered_texts, read_numbered
from passerelle.translation.prompting.replies import LostTexts, judge
from passerelle.translation.prompting.styles import PromptStyle, open_style, read_style, size_of

_log = logging.getLogger(__name__)

OPENAI = "https://api.openai.com/v1"
# The longest a translation may be expected to be, against its source.
_EXPANSION = 1.5
_USUAL_STYLE = "json"
_CUT_OFF = "the answer was cut off"
_NOT_GIVEN = ("messages", "stream", "n")
"""Fields that the engine's own work hangs on."""


class ChatTranslator:
    """Translates by asking a language model in the words of a prompt style: one text a request, or several as JSON.

    A JSON answer with other numbers than were asked for, or that is no JSON, is thrown away and its texts are asked
    for again in halves; so are texts that the endpoint refuses, if it took others. What `judge` finds no translation is
    asked for once more by itself, in stricter words. A text that fails then too gets an empty translation.

    A remote model may answer otherwise tomorrow, under the same name: the translation memory is what makes its
    work repeatable.

    Attributes:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        signature: Model, place, temperature and prompt; never the key.
        own_style: The data file of what the model is told; empty: the style that was asked for.
    """

    own_style = ""

    def __init__(
        self,
        model: str,
        source: str,
        target: str,
        *,
        url: str = OPENAI,
        style: str = _USUAL_STYLE,
        system: bool = True,
        extra_body: dict[str, Any] | None = None,
        key_variable: str = "OPENAI_API_KEY",
        texts_at_once: int = 20,
        concurrency: int = 0,
        temperature: float | None = 0.0,
        most_tokens: int | None = None,
        most_cost: float | None = None,
        input_price: float | None = None,
        output_price: float | None = None,
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
            style: The prompt style: one of `style_names`, or a TOML file of one's own.
            system: Whether the model takes a system prompt; without it, what that says begins the user's message.
            extra_body: Fields of each request that the endpoint wants besides.
            key_variable: Environment variable with the key; no key is sent if it isn't set.
            texts_at_once: Most texts in one request, where the style takes several.
            concurrency: Most requests under way; 0: as many as the endpoint answers fastest, 64 at most, found while it
                works; under a budget 4, since each one that is under way holds a part of it.
            temperature: ``None`` for models that take none.
            most_tokens: Budget in tokens, in and out.
            most_cost: Budget in money, in the currency of the prices.
            input_price: Price of a million tokens in; ``None``: that of the table of prices, where the model is in it.
            output_price: Price of a million tokens out; likewise.
            timeout_seconds: How long one answer may take.
            retries: How often a request is sent again after errors 429 and 5xx, time-outs and lost connections.
            first_wait_seconds: Wait before the first retry; it doubles each time, unless the endpoint says how long.

        Raises:
            ConfigError: The URL or the style can't be used, or a budget in money lacks prices.
            MissingDependency: httpx isn't installed.
        """
        self.source, self.target = language(source).bcp47, language(target).bcp47
        self._style, self._takes_system = self._open_style(style), system
        self._is_usual = system and style == _USUAL_STYLE
        self._names = (self._style.names["source"], self._style.names["target"])
        self._lost = LostTexts()
        self._prices = prices_of(model, url, input_price, output_price)
        self._budget = Budget(self._prices, most_tokens, most_cost)
        waits = (key_variable, timeout_seconds, retries, first_wait_seconds)
        self._endpoint = Endpoint(url, *waits, as_json=self._style.numbered)
        given = {} if temperature is None else {"temperature": temperature}
        self._settings = {"model": model} | given | _checked_body(extra_body)
        budgeted = most_tokens is not None or most_cost is not None
        self._texts_at_once = texts_at_once if self._style.numbered else 1
        self._pace = Pace(concurrency or (FIRST if budgeted else 0))
        self._came: Callable[[dict[str, str]], None] = lambda translations: None
        self.signature = (
            f"openai {model} at {self._endpoint.place} temperature {temperature} {self._prompt_signature()} "
            f"texts {self._texts_at_once}" + (f" body {content_hash(extra_body)[:8]}" if extra_body else "")
        )

    def _open_style(self, name: str) -> PromptStyle:
        if not self.own_style:
            return open_style(name, self.source, self.target)
        if name != _USUAL_STYLE:
            raise ConfigError(f"style can't be {name!r} here: what the model is told is fixed. Leave it out.")
        return read_style(files("passerelle.data").joinpath(self.own_style), self.source, self.target)

    def _prompt_signature(self) -> str:
        if self._is_usual:
            return f"prompt {content_hash(self._style.system)[:8]}"
        folded = bool(self._style.system) and not self._takes_system
        return f"style {self._style.name} {self._style.digest}" + (" no system" if folded else "")

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
        numbers = texts * len('"99": "", ') * self._style.numbered
        expected = tokens_in((characters + numbers) * _EXPANSION)
        asked = tokens_in(requests * size_of(self._messages("")) + characters + numbers)
        return Spent(requests, asked, expected, self._prices.cost(asked, expected))

    def why_lost(self, text: str) -> Lost | None:
        """Return why a text came back empty."""
        return self._lost.find(text)

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
            answers, fault = self._answers(batch, self._send(batch, stop))
        except RequestRefused as refused:
            if not self.spent.requests:
                raise  # it takes none at all
            answers, fault = None, str(refused)
        if answers is not None:
            return self._judged(answers, stop)
        if len(batch) == 1:
            _log.warning("no usable translation of %r: %s", batch[0][:200], fault)
            self._lost.add(batch[0], _lost(fault))
            return {batch[0]: ""}
        _log.info("%d texts are asked for again in halves: %s", len(batch), fault)
        middle = len(batch) // 2
        first = self._translate_batch(batch[:middle], stop)
        try:
            return first | self._translate_batch(batch[middle:], stop)
        except EngineStopped as stopped:
            stopped.translations.update(first)
            raise

    def _answers(self, batch: list[str], reply: Reply) -> tuple[dict[str, tuple[str, bool]] | None, str]:
        """Return what was said to each text and whether that was cut off; else ``None``, and what is wrong with it."""
        if not self._style.numbered:
            return {batch[0]: (reply.text, reply.cut_off)}, ""
        if reply.cut_off:
            return None, _CUT_OFF
        said, fault = read_numbered(reply.text, len(batch))
        return None if said is None else {text: (one, False) for text, one in zip(batch, said, strict=True)}, fault

    def _judged(self, answers: dict[str, tuple[str, bool]], stop: threading.Event) -> dict[str, str]:
        """Return the translations among answers; what isn't one is asked for again, by itself."""
        found = {text: self._judge(text, *said) for text, said in answers.items()}
        for text in [text for text, translation in found.items() if not translation and self._style.again]:
            try:
                found[text] = self._asked_again(text, stop)
            except EngineStopped as stopped:
                stopped.translations.update({text: one for text, one in found.items() if one})
                raise
        for text in (text for text, translation in found.items() if not translation):
            _log.warning("no usable translation of %r: %s", text[:200], self._why(text))
        return found

    def _why(self, text: str) -> str:
        lost = self._lost.find(text)
        return lost.detail if lost is not None else ""

    def _judge(self, text: str, said: str, cut_off: bool) -> str:
        judged = judge(self._source_of(text), said, self._names, cut_off=cut_off)
        if judged.lost is not None:
            self._lost.add(text, judged.lost)
        return judged.translation

    def _asked_again(self, text: str, stop: threading.Event) -> str:
        _log.info("%r is asked for again: %s", text[:200], self._why(text))
        try:
            answers, fault = self._answers([text], self._send([text], stop, again=True))
        except RequestRefused as refused:
            answers, fault = None, str(refused)
        if answers is None:
            self._lost.add(text, _lost(fault))
            return ""
        return self._judge(text, *answers[text])

    def _content(self, text: str) -> Any:
        """Return what is sent for a text."""
        return text

    def _source_of(self, text: str) -> str:
        """Return what is to be translated of a text."""
        return text

    def _messages(self, said: str, *, again: bool = False) -> list[dict[str, Any]]:
        return self._style.messages(said, system=self._takes_system, again=again)

    def _send(self, batch: list[str], stop: threading.Event, *, again: bool = False) -> Reply:
        contents = [self._content(text) for text in batch]
        said = numbered_texts(contents) if self._style.numbered else str(contents[0])
        messages = self._messages(said, again=again)
        held = tokens_in(size_of(messages)), tokens_in(len(said.encode()) * _EXPANSION)
        with self._pace.slot(len(said)) as busy:
            request = {**self._settings, "messages": messages}
            return send_within(self._budget, self._endpoint, request, held, stop, busy)[0]


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


def _checked_body(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise ConfigError(
            f"extra_body can't be {given!r}: write fields, as in "
            "extra_body={chat_template_kwargs: {enable_thinking: false}}."
        )
    if wrong := [name for name in _NOT_GIVEN if name in given]:
        raise ConfigError(f"extra_body can't have {', '.join(wrong)}; what a model is told is its style's.")
    return given


def _lost(fault: str) -> Lost:
    return Lost("truncated" if fault == _CUT_OFF else "not-translated", fault)
