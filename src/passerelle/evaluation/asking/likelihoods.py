"""Options by the likelihood that a server finds for them, counted as for a model of this process.

A server renders the chat template itself, so where a reply begins and ends in its tokens is found by asking: once for
each question without a reply, and once for each server with a reply that goes on. What is learnt in training counts:
the reply's own tokens with the one that ends its turn, white space around them apart.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os.path import commonprefix
from typing import Any, NamedTuple, Protocol

from passerelle.endpoints.prompt_tokens import FIELDS, PromptToken
from passerelle.endpoints.requests import Reply, RequestRefused
from passerelle.evaluation.asking.journal import Kept, PaidOnce
from passerelle.records import CHOICE_KINDS, Answer, Question

_PROBED = ("Is it so?", "Yes")
_OPEN = {"add_generation_prompt": False, "continue_final_message": True}
_CLOSED = {"add_generation_prompt": False}
_REMEMBERED = 32
"""So many last tokens of a question may stand otherwise where a reply follows; templates change fewer."""


class Send(Protocol):
    """Asks a server."""

    def __call__(
        self, picture: str, turns: Sequence[str], fields: Mapping[str, Any], stop: threading.Event, /
    ) -> tuple[Reply, Kept]:
        """Return the reply, and what it took, without an answer."""
        ...


class KeyOf(Protocol):
    """Gives what a reply is kept by."""

    def __call__(self, question: Question, max_new_tokens: int, /) -> str:
        """Return the key."""
        ...


class _Ending(NamedTuple):
    """What the server's template puts behind a reply: tokens by their numbers, and how many of them count."""

    ids: list[str]
    counted: int


class Likelihoods:
    """Scores options by what a server says of the tokens that it is asked.

    Args:
        send: Asks it.
        paid: Where what it says is kept, row by row.
        key: Gives what it is kept by.
    """

    def __init__(self, send: Send, paid: PaidOnce, key: KeyOf) -> None:
        self._send, self._paid, self._key = send, paid, key
        self._ending = _Ending([], 0)

    def refusal(self) -> str:
        """Find out how the server ends a reply; return why it can't be asked for likelihoods, nothing where it can.

        Raises:
            EngineStopped: No reply after all retries.
            BudgetSpent: The budget doesn't reach.
            ConfigError: The server refuses the key or the model.
        """
        prompt, reply = _PROBED
        probed = Question("", "options", "", "", "", "native", prompt, (reply, "its end"))
        try:
            found = self._paid.get(self._key(probed, 0), self._probe)
        except _NotGiven:
            return "its reply has no prompt_logprobs"
        except RequestRefused as error:
            return str(error)
        self._ending = _Ending(json.loads(found.answer.text), found.answer.tokens[0])
        return ""

    def score(self, question: Question, stop: threading.Event) -> Answer:
        """Return the log-likelihood of each option, with the picture and, where the question asks for it, without.

        Raises:
            RequestRefused: The server can't take this question, or its template doesn't show an option.
        """
        rows = [self._row(question.prompt, option, question.picture, stop) for option in question.options]
        blind = question.options if question.kind in CHOICE_KINDS else ()
        priors = [self._row(question.prompt, option, "", stop) for option in blind]
        return Answer(
            question.id,
            logprobs=tuple(row.logprobs[0] for row in rows),
            priors=tuple(row.logprobs[0] for row in priors),
            tokens=tuple(row.tokens[0] for row in rows),
        )

    def _row(self, prompt: str, option: str, picture: str, stop: threading.Event) -> Answer:
        asked = Question("", "options", picture, "", "", "native", prompt)
        begun = self._paid.get(self._key(asked, 0), lambda: self._begin(asked, stop)).answer
        row = replace(asked, options=(option,))
        return self._paid.get(self._key(row, 0), lambda: self._score(row, begun, stop)).answer

    def _begin(self, asked: Question, stop: threading.Event) -> Kept:
        """Ask a question without a reply: its length and its last tokens say where a reply begins."""
        tokens, took = self._tokens(asked.picture, (asked.prompt,), {}, stop)
        last = json.dumps([token.id for token in tokens[-_REMEMBERED:]])
        return replace(took, answer=Answer("", last, tokens=(len(tokens),)))

    def _score(self, row: Question, begun: Answer, stop: threading.Event) -> Kept:
        (option,) = row.options
        tokens, took = self._tokens(row.picture, (row.prompt, option), _CLOSED, stop)
        reply = self._reply(tokens, begun)
        if not reply:
            raise RequestRefused(f"the server's chat template doesn't show the reply {option!r} as it is.")
        total = sum(token.logprob for token in reply)
        return replace(took, answer=Answer("", logprobs=(total,), tokens=(len(reply),)))

    def _reply(self, tokens: Sequence[PromptToken], begun: Answer) -> Sequence[PromptToken]:
        """Return the tokens of a reply, with the one that ends its turn."""
        last: list[str] = json.loads(begun.text)
        start = begun.tokens[0] - len(last)
        shared = len(commonprefix([last, [token.id for token in tokens[start:]]]))
        if not shared:
            return []
        start, end, counted = start + shared, len(tokens), 0
        ids = self._ending.ids
        if ids and [token.id for token in tokens[-len(ids) :]] == ids:
            end, counted = end - len(ids), self._ending.counted
        while start < end and tokens[start].text.isspace():
            start += 1
        while not counted and start < end and tokens[end - 1].text.isspace():
            end -= 1
        return tokens[start : end + counted] if start < end else []

    def _probe(self) -> Kept:
        stop = threading.Event()
        closed, took = self._tokens("", _PROBED, _CLOSED, stop)
        opened, more = self._tokens("", _PROBED, _OPEN, stop)
        behind = closed[len(opened) :]
        counted = next((place + 1 for place, token in enumerate(behind) if not token.text.isspace()), 0)
        both = replace(
            took,
            seconds=took.seconds + more.seconds,
            tokens=took.tokens + more.tokens,
            engine_eur=took.engine_eur + more.engine_eur,
        )
        return replace(both, answer=Answer("", json.dumps([token.id for token in behind]), tokens=(counted,)))

    def _tokens(
        self, picture: str, turns: Sequence[str], fields: Mapping[str, Any], stop: threading.Event
    ) -> tuple[tuple[PromptToken, ...], Kept]:
        reply, took = self._send(picture, turns, {**FIELDS, **fields}, stop)
        if reply.prompt is None:
            raise _NotGiven("a server gave log-likelihoods before, and none now.")
        return reply.prompt, took


class _NotGiven(RequestRefused):
    """The server says nothing of the tokens that it was asked."""
