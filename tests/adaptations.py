"""What tests of adaptations share: the losses of a record, and a program that is killed in the midst of one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from forked import fork
from passerelle.formats.conversations import read_conversations
from passerelle.models.conversing import Encoded, Encoder
from passerelle.models.pretrained import PretrainedModel


def be_killed(arguments: list[str]) -> None:
    """Adapt by the file that is named, and be killed after the fifth step."""
    import torch

    from passerelle.adaptation import run
    from passerelle.adaptation.settings import load_adaptation

    class Killing(run.Progress):
        def __call__(self, done: int, total: int, loss: float | None = None) -> None:
            super().__call__(done, total, loss)
            if loss is not None and done == 5:
                os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    run.Progress = Killing  # type: ignore[misc]
    run.adapt(load_adaptation(Path(arguments[0])))


def adapt_and_kill(settings: Path) -> None:
    """Adapt by a file in a process of its own, which is killed after the fifth step."""
    killed = fork([str(settings)], settings.parent, {}, "killed", be_killed)
    assert killed.wait(200) == -signal.SIGKILL, killed.err.read_text(encoding="utf-8")


def losses(record: dict[str, Any]) -> list[float]:
    return [loss for stage in record["stages"] for _, loss in stage["record"]["loss"]]


def encoded_rows(pretrained: PretrainedModel, data: Path, count: int) -> list[Encoded]:
    """Return the first conversations in French of the folder of data as rows."""
    found, _ = read_conversations(data / "fr.json", images=None, language="fr", origin="machine")
    return [row for conversation in found[:count] for row in Encoder(pretrained, 1000)(conversation)]
