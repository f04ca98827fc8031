"""Requests to an OpenAI-compatible endpoint: retries, time-outs, and a key that nobody gets to see."""

from __future__ import annotations

import os
import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from passerelle.endpoints.prompt_tokens import PromptToken, prompt_tokens
from passerelle.errors import ConfigError, EngineStopped, MissingDependency, to_install

if TYPE_CHECKING:
    import httpx

_BUSY = {429, 503, 529}
_TRY_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_LONGEST_WAIT_SECONDS = 300.0
_SHOWN_LETTERS = 300


class RequestRefused(ConfigError):
    """The endpoint can't take a request as it is: the model's name is wrong, or one of its texts isn't welcome."""


class RequestAbandoned(EngineStopped):
    """A request isn't sent any more, as another one failed; it never leaves the translator."""


@dataclass(frozen=True)
class Reply:
    """A model's reply.

    Attributes:
        text: What it says.
        input_tokens: Tokens of the question, as the endpoint counted them; ``None`` where it didn't.
        output_tokens: Those of the reply.
        cut_off: Whether it was longer than it might be.
        prompt: Tokens of the question with their log-likelihoods, where the endpoint was asked for them and gives them.
    """

    text: str
    input_tokens: int | None
    output_tokens: int | None
    cut_off: bool
    prompt: tuple[PromptToken, ...] | None = None


class Endpoint:
    """One endpoint with its connections; several threads may use it.

    Attributes:
        place: Host and path, for signatures and messages.
    """

    def __init__(
        self,
        url: str,
        key_variable: str,
        timeout_seconds: float,
        retries: int,
        first_wait_seconds: float,
        *,
        as_json: bool = True,
    ) -> None:
        """Prepare connections; nothing is sent yet.

        Args:
            url: The endpoint, up to and with its version.
            key_variable: Environment variable with the key.
            timeout_seconds: How long one answer may take.
            retries: How often a request is sent again.
            first_wait_seconds: Wait before the first retry; it doubles each time.
            as_json: Whether replies are asked for as JSON objects.

        Raises:
            ConfigError: The URL isn't one that can be used.
            MissingDependency: httpx isn't installed.
        """
        self.place = _checked_place(url)
        try:
            import httpx
        except ImportError as missing:
            raise MissingDependency(f"httpx isn't installed. Install it with: {to_install('openai')}") from missing
        self._url = f"{urlsplit(url).scheme}://{self.place}/chat/completions"
        self._key_variable, self._key = key_variable, os.environ.get(key_variable, "").strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise ConfigError(f"the key in {key_variable} has characters that no key has; set it again.")
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        # Redirects aren't followed: they would take the key elsewhere.
        self._client = httpx.Client(headers=headers, timeout=timeout_seconds)
        self._retries, self._first_wait_seconds = retries, first_wait_seconds
        self._json_mode = as_json

    def complete(
        self, content: dict[str, Any], stop: threading.Event, busy: Callable[[], None] = lambda: None
    ) -> Reply:
        """Send one request, again if need be, until a reply comes.

        Args:
            content: The request's fields.
            stop: Set by others when there is no point in going on.
            busy: Called when the endpoint says that it has too much to do.

        Raises:
            ConfigError: The endpoint refuses the key or the model.
            RequestRefused: It refuses the request.
            RequestAbandoned: `stop` was set.
            EngineStopped: No reply after all retries.
        """
        failure, wait_seconds = "", 0.0
        for attempt in range(self._retries + 1):
            if stop.wait(wait_seconds):
                raise RequestAbandoned("another request failed")
            response, failure = self._post(content)
            if response is not None:
                if response.is_success:
                    reply = _read(response)
                    if reply is not None:
                        return reply
                    failure = f"an answer of another form than chat completions: {self._shown(response)}"
                elif response.status_code not in _TRY_AGAIN:
                    self._refuse(response)
                    return self.complete(content, stop, busy)  # without what it couldn't take
                elif response.status_code in _BUSY:
                    busy()
            wait_seconds = self._wait(attempt, response)
        raise EngineStopped(
            f"{self.place} gave no answer after {self._retries + 1} attempts; the last time: {failure}. "
            "What came is kept: give the same command again later."
        )

    def _post(self, content: dict[str, Any]) -> tuple[httpx.Response | None, str]:
        """Send once; what went wrong, in words, if it may be tried again."""
        import httpx

        extra = {"response_format": {"type": "json_object"}} if self._json_mode else {}
        try:
            response = self._client.post(self._url, json={**content, **extra})
        except httpx.TimeoutException:
            return None, "no answer in time"
        except httpx.TransportError as error:
            return None, self._hide(f"{type(error).__name__}: {error}")
        return response, f"status {response.status_code}: {self._shown(response)}"

    def _refuse(self, response: httpx.Response) -> None:
        """Raise for a request that can't succeed, unless it can without JSON mode, which not every server has."""
        status, said = response.status_code, self._shown(response)
        texts_may_be_why = status in (400, 413, 422)
        if texts_may_be_why and self._json_mode and "response_format" in response.text:
            self._json_mode = False
            return
        if status in (401, 403):
            raise ConfigError(
                f"{self.place} refuses the key (status {status}): {said}. Set the environment variable "
                f"{self._key_variable} to a key that it takes."
            )
        kind = RequestRefused if texts_may_be_why else ConfigError
        raise kind(f"{self.place} refuses the request (status {status}): {said}. Check the URL and the model's name.")

    def _wait(self, attempt: int, response: httpx.Response | None) -> float:
        """Seconds to wait: what the endpoint asks for, else twice as long each time, spread a little."""
        asked = _retry_after(response.headers.get("retry-after", "")) if response is not None else None
        spread = self._first_wait_seconds * 2**attempt * random.uniform(0.75, 1.25)
        return min(spread if asked is None else asked, _LONGEST_WAIT_SECONDS)

    def _shown(self, response: httpx.Response) -> str:
        return self._hide(" ".join(response.text.split()))[:_SHOWN_LETTERS]

    def _hide(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


# A host behind a model's name, without its http://: "m@localhost:8000/v1"; "model@2024-05" is a name.
_HOST = re.compile(r"@(?:localhost|[\w.-]+\.[a-z]{2,}|\d+(?:\.\d+){3}|[\w.-]+:\d+)(?::\d+)?(?:/\S*)?$")


def model_and_url(given: str) -> tuple[str, str]:
    """Divide ``MODEL@URL`` into the model and the endpoint's URL, which is empty where none is given.

    Raises:
        ConfigError: What stands behind the model is another kind of URL, which isn't taken for a part of its name.
    """
    model, at, rest = given.partition("@http")
    if "://" in model or _HOST.search(model):
        raise ConfigError("an endpoint's URL begins with http:// or https://: write MODEL@https://HOST/v1.")
    return model, f"http{rest}" if at else ""


def _checked_place(url: str) -> str:
    """Host and path of a URL that may be asked."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{url!r} is no URL of an endpoint. Give one such as 'http://localhost:8000/v1'.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            "the endpoint's URL holds a name, a password, a query or a fragment. Leave it out, and put the key "
            "into an environment variable."
        )
    return parts.netloc + parts.path.rstrip("/").removesuffix("/chat/completions")


def _read(response: httpx.Response) -> Reply | None:
    """The reply in a response; ``None`` if it has another form."""
    try:
        found = response.json()
        choice = found["choices"][0]
        text = choice["message"]["content"]
        usage = found.get("usage") or {}
        prompt = prompt_tokens(found.get("prompt_logprobs"), _count(usage, "prompt_tokens"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return Reply(
        text=text if isinstance(text, str) else "",
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        cut_off=choice.get("finish_reason") == "length",
        prompt=prompt,
    )


def _count(usage: Any, name: str) -> int | None:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and count >= 0 else None


def _retry_after(value: str) -> float | None:
    """Seconds in a ``Retry-After`` header, which is a number or a date; ``None`` if it is neither."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.astimezone(UTC) - datetime.now(UTC)).total_seconds())
