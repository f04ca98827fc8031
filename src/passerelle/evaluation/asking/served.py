"""A model behind an OpenAI-compatible server: pictures are sent along, answers come back, each is paid for once."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from passerelle.config import Settings, parse_settings
from passerelle.costs.ledger import Charge
from passerelle.endpoints.budget import Budget, prices_of
from passerelle.endpoints.pace import FIRST, Pace
from passerelle.endpoints.requests import Endpoint, Reply, RequestRefused
from passerelle.endpoints.sending import all_at_once, errors_of, send_within, tokens_in
from passerelle.errors import ConfigError
from passerelle.evaluation.asking.journal import Journal, Kept, PaidOnce, key_of
from passerelle.evaluation.asking.likelihoods import Likelihoods
from passerelle.evaluation.asking.members import Spent, that_can_be_shown
from passerelle.evaluation.asking.wrapping import Plain, Wrapping
from passerelle.evaluation.specification import SERVED, ServedName, read_braces
from passerelle.pictures.data_uri import LONGEST_SIDE, data_uri
from passerelle.records import Answer, Question
from passerelle.runs import cache_folder, content_hash, file_hash
from passerelle.translation.engines.chat_endpoint import OPENAI
from passerelle.translation.memory.metered import ChargedTexts

_PICTURE_TOKENS = 1000
"""What a picture is taken to cost in tokens before the server says what it did."""
_PICTURES_KEPT = 128


class ServerSettings(Settings):
    """How a served model is asked.

    Attributes:
        key_variable: Environment variable with the key; none is sent where it isn't set.
        concurrency: Most requests under way; 0: as many as the server answers fastest.
        temperature: ``null`` for models that take none.
        seed: Sent along where it is given: not every server takes one.
        longest_side: Pixels of the longer side of what is sent; larger pictures are scaled down.
        most_tokens: Budget in tokens, in and out, of one command.
        most_cost: Budget in money of one command, in the currency of the prices.
        input_price: Price of a million tokens in; ``None``: that of the table of prices, where the model is in it.
        output_price: Price of a million tokens out; likewise.
        timeout_seconds: How long one answer may take.
        retries: How often a request is sent again.
        first_wait_seconds: Wait before the first retry; it doubles each time.
        extra_body: Fields that the server wants besides.
        version: What stands behind the name, in the user's own words: another one is asked anew.
    """

    key_variable: str = "OPENAI_API_KEY"
    concurrency: int = Field(default=0, ge=0, le=256)
    temperature: float | None = Field(default=0.0, ge=0)
    seed: int | None = None
    longest_side: int = Field(default=LONGEST_SIDE, ge=32)
    most_tokens: int | None = Field(default=None, gt=0)
    most_cost: float | None = Field(default=None, gt=0)
    input_price: float | None = Field(default=None, ge=0)
    output_price: float | None = Field(default=None, ge=0)
    timeout_seconds: float = Field(default=120.0, gt=0)
    retries: int = Field(default=6, ge=0)
    first_wait_seconds: float = Field(default=1.0, gt=0)
    extra_body: dict[str, Any] = {}
    version: Annotated[str, BeforeValidator(str)] = ""


class Server:
    """A model at its place: requests, budget, and the replies that came.

    Args:
        name: The model and its place.
        settings: How it is asked.

    Attributes:
        signature: What determines its replies: model, place, sampling, size of pictures, version; never the key.
    """

    def __init__(self, name: ServedName, settings: ServerSettings) -> None:
        sampling = {"temperature": settings.temperature, "seed": settings.seed}
        given = {key: value for key, value in sampling.items() if value is not None}
        self._fields = {"model": name.model, **given, **settings.extra_body}
        self._prices = prices_of(name.model, name.url or OPENAI, settings.input_price, settings.output_price)
        self._budget = Budget(self._prices, settings.most_tokens, settings.most_cost)
        waits = (settings.key_variable, settings.timeout_seconds, settings.retries, settings.first_wait_seconds)
        self._endpoint = Endpoint(name.url or OPENAI, *waits, as_json=False)
        limited = settings.most_tokens is not None or settings.most_cost is not None
        self._pace = Pace(settings.concurrency or (FIRST if limited else 0))
        self._picture = lru_cache(_PICTURES_KEPT)(partial(data_uri, longest_side=settings.longest_side))
        how = content_hash([self._fields, settings.longest_side])[:8]
        version = f" version {settings.version}" if settings.version else ""
        self.signature = f"{SERVED} {name.model} at {self._endpoint.place} {how}{version}"

    @property
    def threads(self) -> int:
        """Requests that may ever be under way."""
        return self._pace.most

    @property
    def place(self) -> str:
        """Host and path."""
        return self._endpoint.place

    @property
    def replied(self) -> bool:
        """Whether it took a request in this process."""
        return self._budget.spent.requests > 0

    def close(self) -> None:
        """Close the connections. It can't be asked any more."""
        self._endpoint.close()

    def ask(
        self, turns: Sequence[str], picture: Path | None, fields: Mapping[str, Any], stop: threading.Event
    ) -> tuple[Reply, Kept]:
        """Ask one question.

        Args:
            turns: The words, and what is said to them where that is given too.
            picture: The file that is shown.
            fields: Of the request; ``max_tokens`` among them, the longest answer.
            stop: Set by others where there is no point in going on.

        Returns:
            The reply, and what it took, without an answer.

        Raises:
            BudgetSpent: The budget doesn't reach.
            EngineStopped: No reply after all retries.
            RequestRefused: The server can't take this question.
            ConfigError: The server refuses the key or the model.
        """
        shown = [{"type": "image_url", "image_url": {"url": self._picture(picture)}}] if picture else []
        prompt, *said = turns
        content = [*shown, {"type": "text", "text": prompt}] if shown else prompt
        messages = [{"role": "user", "content": content}, *({"role": "assistant", "content": text} for text in said)]
        letters = sum(len(text.encode()) for text in turns)
        expected = tokens_in(letters) + _PICTURE_TOKENS * len(shown), int(fields["max_tokens"])
        with self._pace.slot(1) as busy:
            began = time.perf_counter()
            request = {**self._fields, **fields, "messages": messages}
            reply, used = send_within(self._budget, self._endpoint, request, expected, stop, busy)
        took = Kept(Answer(""), time.perf_counter() - began, tokens=sum(used), engine_eur=self._prices.cost(*used))
        return reply, took


@lru_cache(100_000)
def _digest(path: Path) -> str:
    return file_hash(path)


@dataclass
class ServedAnswerer:
    """Asks a server some questions at once; each reply is on the disk when the next one is waited for.

    A reply that is known is not asked for again, whichever run it came in; what it took is charged as if it had been.

    Attributes:
        server: The server.
        pictures: The file of each picture, by key.
        max_new_tokens: Longest answer.
        paid: Where replies are kept.
        refused: Is filled with why the server can't take questions, by the key of their picture.
    """

    server: Server
    pictures: Mapping[str, Path]
    max_new_tokens: int
    paid: PaidOnce
    refused: dict[str, str] = field(default_factory=dict)

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer the questions, in their order; empty where the server refused one.

        Raises:
            ConfigError: Options are to be compared by likelihood, and the server gives none.
        """
        scored = next((question for question in questions if question.options), None)
        likelihoods = Likelihoods(self._send, self.paid, self._key) if scored else None
        if scored and likelihoods and (why := likelihoods.refusal()):
            raise ConfigError(
                f"{self.server.signature}: the options of {scored.source!r} are to be compared by likelihood, and this "
                f"server doesn't say how likely it finds what it is asked ({why}): take --method generate for it, or "
                "a server that takes prompt_logprobs, as vLLM does."
            )
        threads = min(self.server.threads, max(1, len(questions)))
        futures = all_at_once(partial(self._one, likelihoods), questions, threads, "served")
        if errors := errors_of(futures):
            raise errors[0]
        return [replace(future.result(), question=q.id) for q, future in zip(questions, futures, strict=True)]

    def _one(self, likelihoods: Likelihoods | None, question: Question, stop: threading.Event) -> Answer:
        try:
            if likelihoods and question.options:
                return likelihoods.score(question, stop)
            key = self._key(question, self.max_new_tokens)
            fields = {"max_tokens": self.max_new_tokens}
            return self.paid.get(key, lambda: self._generated(question, fields, stop)).answer
        except RequestRefused as error:
            if not self.server.replied:
                raise  # it takes none at all
            self.refused[question.picture] = str(error)
            return Answer(question.id)

    def _generated(self, question: Question, fields: Mapping[str, Any], stop: threading.Event) -> Kept:
        reply, took = self._send(question.picture, (question.prompt,), fields, stop)
        return replace(took, answer=Answer(question.id, reply.text.strip()))

    def _key(self, question: Question, max_new_tokens: int) -> str:
        """Return what a reply is kept by: another file may have the same name elsewhere, so its content counts."""
        picture = _digest(self.pictures[question.picture]) if question.picture else ""
        return key_of(question, f"{self.server.signature} {picture}", max_new_tokens)

    def _send(
        self, picture: str, turns: Sequence[str], fields: Mapping[str, Any], stop: threading.Event
    ) -> tuple[Reply, Kept]:
        return self.server.ask(turns, self.pictures[picture] if picture else None, fields, stop)


@dataclass
class ServedModel:
    """A member of a system that is behind a server.

    Attributes:
        server: The server.
        wrapping: What its method puts around it.
    """

    server: Server
    wrapping: Wrapping = field(default_factory=Plain)
    _tokens: float = 0.0
    _own: Charge = field(default_factory=Charge)
    _paid: PaidOnce | None = None

    @property
    def spent(self) -> Spent:
        """What it has spent so far; what came from earlier runs is charged as if it were asked now."""
        return Spent(0.0, round(self._tokens), self.wrapping.charged + self._own)

    @property
    def charged_texts(self) -> ChargedTexts:
        """The texts whose translation it is charged for."""
        return self.wrapping.charged_texts

    def answer(
        self, questions: Sequence[Question], pictures: Mapping[str, Path], max_new_tokens: int
    ) -> tuple[list[Answer], dict[str, str]]:
        """Answer questions; see `Member.answer`."""
        asked, bad = that_can_be_shown(questions, pictures)
        if not asked:
            return [], bad
        if self._paid is None:
            kept = cache_folder() / "served" / f"{content_hash(self.server.signature)[:16]}.jsonl"
            self._paid = PaidOnce(Journal(kept), self._charge)
        inner = ServedAnswerer(self.server, pictures, max_new_tokens, self._paid)
        answers = self.wrapping.wrap(inner, asked[0].language).answer(asked)
        refused = {
            q.id
            for q, answer in zip(asked, answers, strict=True)
            if q.picture in inner.refused and not (answer.text or answer.logprobs)
        }
        return [answer for answer in answers if answer.question not in refused], bad | inner.refused

    def _charge(self, kept: Kept, known: bool) -> None:
        self._tokens += kept.tokens
        self._own = self._own + Charge(seconds=kept.seconds if known else 0.0, engine_eur=kept.engine_eur)


def open_server(name: ServedName) -> Server:
    """Get ready to ask a served model; nothing is sent yet.

    Raises:
        ConfigError: An option can't be used, or the URL.
        MissingDependency: httpx isn't installed.
    """
    where = f"{SERVED}{{{name.options}}}:{name.model}"
    return Server(name, parse_settings(ServerSettings, read_braces(name.options, "options", where), where))
