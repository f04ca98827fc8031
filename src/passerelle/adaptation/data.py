"""The data of an adaptation: read, held back for the alarms, drawn for each stage, encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from passerelle.adaptation.encoding import Refused, encode_all
from passerelle.adaptation.mix import ENGLISH, Weighted, draw, weigh
from passerelle.adaptation.settings import AdaptSettings, StageSettings
from passerelle.errors import InputError
from passerelle.formats.conversations import Conversation, read_conversations
from passerelle.models.conversing import Encoded, Encoder
from passerelle.progress import say
from passerelle.runs import content_hash, file_hash

Watch = Callable[[int, int], None]
_MEASURED = 256
"""Samples by which their mean length is known."""
_ROUNDS = 3
"""How often a stage's samples are drawn again for those that couldn't be encoded."""


@dataclass
class Pool:
    """All conversations of an adaptation.

    Attributes:
        train: What stages draw from.
        held: What alarms look at, target language first.
        files: For each file: path, language, origin, weight, samples, SHA-256.
        rejected: Samples that can't be used: file, row or id, reason, detail.
        of: How many samples in the target language there were before a limit on them.
    """

    train: list[Weighted]
    held: list[Conversation]
    files: list[dict[str, Any]]
    rejected: list[dict[str, Any]] = field(default_factory=list)
    of: int = 0
    _encoded: dict[Conversation, list[Encoded]] = field(default_factory=dict)

    @property
    def shows_pictures(self) -> bool:
        """Whether any sample has a picture."""
        return any(w.conversation.images for w in self.train)

    @property
    def targets(self) -> int:
        """Samples in the target language."""
        return sum(w.conversation.language != ENGLISH for w in self.train)

    def encode(
        self,
        conversations: Sequence[Conversation],
        encoder: Encoder,
        workers: int | None = 0,
        watch: Watch = lambda done, of: None,
    ) -> list[Encoded]:
        """Encode conversations, each once; one that can't be gets a line among the rejected."""
        fresh = [c for c in dict.fromkeys(conversations) if c not in self._encoded]
        for conversation, outcome in zip(fresh, encode_all(fresh, encoder, workers, watch), strict=True):
            self._encoded[conversation] = [] if isinstance(outcome, Refused) else outcome
            if isinstance(outcome, Refused):
                self.rejected.append({"id": conversation.id, "reason": outcome.reason, "detail": outcome.detail})
        return [row for conversation in conversations for row in self._encoded[conversation]]

    def usable(self, conversations: Sequence[Conversation], encoder: Encoder) -> list[Conversation]:
        """Return the conversations that can be shown to the model; the others get a line among the rejected."""
        self.encode(conversations, encoder)
        return [conversation for conversation in conversations if self._encoded[conversation]]

    def mean_length(self, stage: StageSettings, settings: AdaptSettings, encoder: Encoder) -> float:
        """Return the mean length of a stage's samples in tokens, of as many as tell it.

        Raises:
            InputError: None of them can be used, or a share can't be had.
        """
        rows = self.rows(stage, _MEASURED, settings, encoder, lambda done, of: None)
        return sum(map(len, rows)) / len(rows)

    def rows(
        self, stage: StageSettings, count: int, settings: AdaptSettings, encoder: Encoder, watch: Watch
    ) -> list[Encoded]:
        """Draw and encode the samples of a stage.

        Raises:
            InputError: None of them can be used, or a share can't be had.
        """
        usable = self.train
        for attempt in range(_ROUNDS):
            drawn = draw(usable, count, stage.samples, settings.mix, settings.seed + 1000 * attempt)
            rows = self.encode(drawn, encoder, settings.dataloader_num_workers, watch)
            if len(rows) >= count:
                return rows[:count]
            usable = [w for w in usable if self._encoded.get(w.conversation) != []]
            if not usable:
                break
        if not rows:
            first = self.rejected[0]
            what = f"The first, {first['id']!r}: {first['reason']}: {first['detail']}"
            raise InputError(f"stage {stage.name!r}: no sample can be used. {what}")
        return rows


def read_pool(settings: AdaptSettings) -> Pool:
    """Read all files; hold back what the alarms look at.

    Raises:
        InputError: A file is missing, or holds no conversation.
    """
    pool = Pool([], [], [])
    for entry in settings.data:
        found, rejected = read_conversations(
            entry.path,
            images=entry.images,
            language=entry.language,
            origin=entry.origin,
            anywhere=entry.images_anywhere,
        )
        pool.train += weigh(found, entry, settings.mix)
        pool.rejected += [asdict(row) for row in rejected]
        described = entry.model_dump(mode="json")
        pool.files.append({**described, "samples": len(found), "sha256": data_digest(entry.path)})
    if settings.alarms.every:
        _hold_back(pool, settings.alarms.samples)
    pool.of = pool.targets
    if settings.max_train_samples is not None:
        _keep_some(pool, settings.max_train_samples, settings.seed)
    return pool


def _keep_some(pool: Pool, most: int, seed: int) -> None:
    """Keep so many samples in the target language and as large a share of the English ones: the first by seed and id.

    What has one id, such as a sample and its translation, comes in together.
    """
    if most > pool.targets:
        say(f"max_train_samples is {most}, but the target language has only {pool.targets} samples: all are used.")
        return
    kept: set[int] = set()
    for english in (False, True):
        given = [w for w in pool.train if (w.conversation.language == ENGLISH) is english]
        order = sorted(given, key=lambda w: content_hash([seed, w.conversation.id]))
        kept |= {id(w) for w in order[: most if not english else round(len(given) * most / pool.of)]}
    pool.train = [w for w in pool.train if id(w) in kept]


def data_digest(path: Path) -> str:
    """Return a data file's SHA-256.

    Raises:
        InputError: There is no such file.
    """
    try:
        return file_hash(path)
    except OSError as error:
        raise InputError(f"no data file at {str(path)!r}: {error.strerror}.") from None


def _hold_back(pool: Pool, most: int) -> None:
    """Take samples for the alarms out of the pool: at most a tenth of each language, by the hash of their ids."""
    for english in (False, True):
        given = [w for w in pool.train if (w.conversation.language == ENGLISH) is english]
        order = sorted(given, key=lambda w: content_hash([w.conversation.id, w.conversation.language]))
        pool.held += [w.conversation for w in order[: min(most, len(order) // 10)]]
    held = set(pool.held)
    pool.train = [w for w in pool.train if w.conversation not in held]


def pictures_of(rows: Sequence[Encoded]) -> list[Any]:
    """Return the pictures of each row that has any."""
    return [row.images for row in rows if row.images]
