"""Many conversations encoded, pictures read for their sizes, by several processes where there are many."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from passerelle.errors import InputError
from passerelle.formats.conversations import Conversation
from passerelle.machine import processes_beside, usable_cores
from passerelle.models.conversing import Encoded, Encoder, Unencodable

_CHUNK = 16
"""Conversations that a process is given at a time."""
_MANY = 512
"""From so many conversations on, processes are started unless told otherwise."""
_MOST = 8


@dataclass(frozen=True)
class Refused:
    """Why a conversation can't be shown to a model: a code, and in words."""

    reason: str
    detail: str


Outcome = list[Encoded] | Refused


def encode_all(
    conversations: Sequence[Conversation], encoder: Encoder, workers: int | None, watch: Callable[[int, int], None]
) -> Iterator[Outcome]:
    """Encode conversations and return the outcomes in their order.

    Args:
        conversations: The conversations.
        encoder: Encodes one.
        workers: Processes; 0: none but this one; ``None``: as many as fit where there are many conversations.
        watch: Told (done, of how many).
    """
    count = workers if workers is not None else _fitting(len(conversations))
    outcomes = _by_workers(conversations, encoder, count) if count and _can_fork() else _here(conversations, encoder)
    for done, outcome in enumerate(outcomes, 1):
        watch(done, len(conversations))
        yield outcome


def _fitting(conversations: int) -> int:
    """Return how many processes are worth their start."""
    free = int(usable_cores()) // processes_beside()
    return min(free, _MOST) if conversations >= _MANY and free > 1 else 0


def _can_fork() -> bool:
    """Whether processes begin as copies of this one: the encoder would have to be sent to them otherwise."""
    return "fork" in multiprocessing.get_all_start_methods()


def _here(conversations: Iterable[Conversation], encoder: Encoder) -> Iterator[Outcome]:
    return (_outcome(encoder, conversation) for conversation in conversations)


def _outcome(encoder: Encoder, conversation: Conversation) -> Outcome:
    try:
        return encoder(conversation)
    except InputError as error:
        return Refused(error.reason if isinstance(error, Unencodable) else "bad-image", str(error))


@dataclass(frozen=True)
class _Work(torch.utils.data.Dataset[Any]):
    conversations: Sequence[Conversation]
    encoder: Encoder

    def __len__(self) -> int:
        return len(self.conversations)

    def __getitem__(self, index: int) -> Any:
        outcome = _outcome(self.encoder, self.conversations[index])
        # Tensors would each hold a file open between the processes.
        return outcome if isinstance(outcome, Refused) else [_with_values(row, _array) for row in outcome]


def _by_workers(conversations: Sequence[Conversation], encoder: Encoder, workers: int) -> Iterator[Outcome]:
    loader = torch.utils.data.DataLoader(
        _Work(conversations, encoder),
        batch_size=_CHUNK,
        num_workers=workers,
        collate_fn=list,
        worker_init_fn=_begin,
        multiprocessing_context="fork",
        generator=torch.Generator(),  # not the one that training draws from
    )
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside threads: the workers use none of this process's.
        warnings.filterwarnings("ignore", message=".*use of fork", category=DeprecationWarning)
        chunks = iter(loader)
    for chunk in chunks:
        for outcome in chunk:
            yield outcome if isinstance(outcome, Refused) else [_with_values(row, torch.from_numpy) for row in outcome]


def _begin(worker: int) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its threads don't outlive a fork


def _array(value: torch.Tensor) -> np.ndarray:
    return value.numpy()


def _with_values(row: Encoded, convert: Callable[[Any], Any]) -> Encoded:
    """Return a row with its tensors converted to arrays, or back."""
    return replace(
        row,
        tokens={name: convert(value) for name, value in row.tokens.items()},
        described={name: convert(value) for name, value in row.described.items()},
        labels=convert(row.labels),
    )
