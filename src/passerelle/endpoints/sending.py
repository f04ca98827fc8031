"""Requests that are sent several at once, each held from a budget while it is under way."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any, TypeVar

from passerelle.endpoints.budget import Budget
from passerelle.endpoints.requests import Endpoint, Reply, RequestAbandoned

T = TypeVar("T")
R = TypeVar("R")
_BYTES_PER_TOKEN = 3
"""Bytes of UTF-8 for each token, on the low side so that a budget isn't passed."""


def tokens_in(size: float) -> int:
    """Return how many tokens so many bytes of UTF-8 are, at most."""
    return math.ceil(size / _BYTES_PER_TOKEN)


def send_within(
    budget: Budget,
    endpoint: Endpoint,
    request: dict[str, Any],
    expected: tuple[int, int],
    stop: threading.Event,
    busy: Callable[[], None],
) -> tuple[Reply, tuple[int, int]]:
    """Send a request, what it is expected to cost held from the budget meanwhile.

    Args:
        budget: Is charged for the reply.
        endpoint: Where it goes.
        request: Its fields.
        expected: Tokens in and out, at most.
        stop: Set by others when there is no point in going on.
        busy: Called when the endpoint says that it has too much to do.

    Returns:
        The reply, and its tokens in and out: as the endpoint counted them, else estimated.

    Raises:
        BudgetSpent: The budget doesn't reach.
        EngineStopped: No reply after all retries.
        ConfigError: The endpoint refuses the key, the model or the request.
    """
    budget.reserve(*expected)
    try:
        reply = endpoint.complete(request, stop, busy)
        used = (
            expected[0] if reply.input_tokens is None else reply.input_tokens,
            tokens_in(len(reply.text.encode())) if reply.output_tokens is None else reply.output_tokens,
        )
        budget.spend(*used)
    finally:
        budget.release(*expected)
    return reply, used


def all_at_once(
    work: Callable[[T, threading.Event], R],
    given: Iterable[T],
    threads: int,
    name: str,
    came: Callable[[R], None] = lambda result: None,
) -> list[Future[R]]:
    """Work on several things at once; at an error, wait for those under way and begin no other.

    Args:
        work: Gets one of them, and an event that is set when there is no point in going on.
        given: The things.
        threads: Most that are under way.
        name: Of the threads.
        came: Is told of each result when it comes, in the caller's thread; of those that come after an error, nothing.

    Returns:
        What became of each, in their order: done, failed or cancelled.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    try:
        futures = [pool.submit(work, each, stop) for each in given]
        for future in as_completed(futures):
            if future.exception() is not None:
                break
            came(future.result())
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
    return futures


def errors_of(futures: Sequence[Future[Any]]) -> list[BaseException]:
    """Return the errors that ended work; those that another one caused come last."""
    errors = [error for future in futures if not future.cancelled() and (error := future.exception()) is not None]
    return sorted(errors, key=lambda error: isinstance(error, RequestAbandoned))
