"""A model behind a server that is asked prompts of ours: each reply is paid once and kept."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

from passerelle.endpoints.requests import RequestRefused
from passerelle.endpoints.sending import all_at_once, errors_of
from passerelle.errors import ConfigError
from passerelle.evaluation.asking.journal import Journal, Kept, PaidOnce
from passerelle.evaluation.asking.served import Server, open_server
from passerelle.evaluation.specification import SERVED, read_served
from passerelle.records import Answer
from passerelle.runs import content_hash

LLM = "llm"


@dataclass
class Taken:
    """What asking a model took, earlier runs included."""

    requests: int = 0
    seconds: float = 0.0
    tokens: float = 0.0
    engine_eur: float = 0.0

    def add(self, kept: Kept, known: bool) -> None:
        """Count a reply, known or not."""
        self.requests += 1
        self.seconds += kept.seconds
        self.tokens += kept.tokens
        self.engine_eur += kept.engine_eur


def open_llm(specification: str, role: str) -> tuple[Server, str]:
    """Get ready to ask a model; nothing is sent yet.

    Args:
        specification: ``llm:MODEL@URL`` or ``llm{OPTIONS}:MODEL@URL``, with the options of a served model.
        role: What the model is for, for messages.

    Returns:
        The server, and the model's name.

    Raises:
        ConfigError: The specification can't be used.
        MissingDependency: httpx isn't installed.
    """
    served = None
    if re.match(rf"{LLM}[:{{]", specification):
        try:
            served = read_served(SERVED + specification.removeprefix(LLM))
        except ConfigError as error:
            raise ConfigError(f"{role} {specification!r}: {str(error).replace(SERVED, LLM)}") from None
    if served is None:
        raise ConfigError(f"{specification!r} is no {role}: write {LLM}:MODEL@http://HOST:8000/v1.")
    return open_server(served), served.model


class Replier:
    """Asks a model prompts; what it replied before isn't asked again.

    Args:
        specification: See `open_llm`.
        role: What the model is for, for messages.
        kept: File of the replies.
        version: Of the prompts' words: replies to other words aren't taken.
        longest_reply: In tokens.

    Attributes:
        model: Its name.
        place: Host and path of the server.
        signature: What determines its replies but the prompt.
        taken: What it took.

    Raises:
        ConfigError: The specification can't be used.
        MissingDependency: httpx isn't installed.
    """

    def __init__(self, specification: str, role: str, kept: Path, version: str, longest_reply: int) -> None:
        self._server, self.model = open_llm(specification, role)
        self._role, self._version, self._longest_reply = role, version, longest_reply
        self.place, self.signature = self._server.place, self._server.signature
        self.taken = Taken()
        self._paid = PaidOnce(Journal(kept), self.taken.add)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def replies(
        self, prompts: Sequence[tuple[str, str]], watch: Callable[[int, int], None] = lambda done, total: None
    ) -> list[str | None]:
        """Ask prompts, some at once.

        Args:
            prompts: What each is about, by which its reply is noted, and its words.
            watch: Told (replies that came, of how many).

        Returns:
            Their replies; ``None`` where the server refuses one and took others.

        Raises:
            BudgetSpent: The budget doesn't reach.
            EngineStopped: No reply after all retries.
            ConfigError: The server refuses the key or the model.
        """
        if not prompts:
            return []
        threads = min(self._server.threads, len(prompts))
        done = count(1)
        futures = all_at_once(self._one, prompts, threads, self._role, lambda _: watch(next(done), len(prompts)))
        if errors := errors_of(futures):
            raise errors[0]
        return [future.result() for future in futures]

    def _one(self, asked: tuple[str, str], stop: threading.Event) -> str | None:
        about, prompt = asked
        key = content_hash([self.signature, self._version, prompt])[:24]
        try:
            return self._paid.get(key, partial(self._reply, about, prompt, stop)).answer.text
        except RequestRefused:
            if not self._server.replied:
                raise  # it takes none at all
            return None

    def _reply(self, about: str, prompt: str, stop: threading.Event) -> Kept:
        reply, took = self._server.ask((prompt,), None, {"max_tokens": self._longest_reply}, stop)
        return replace(took, answer=Answer(about, reply.text.strip()))
