"""What tests of adaptations share: the losses of a record, and a program that is killed in the midst of one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from passerelle.formats.conversations import read_conversations
from passerelle.models.conversing import Encoded, Encoder
from passerelle.models.pretrained import PretrainedModel

KILLED = """
import os, signal, sys
import torch
torch.set_num_threads(1)
from pathlib import Path
from passerelle.adaptation import run
from passerelle.adaptation.settings import load_adaptation
class Killing(run.Progress):
    def __call__(self, done, total, loss=None):
        super().__call__(done, total, loss)
        if loss is not None and done == 5:
            os.kill(os.getpid(), signal.SIGKILL)
run.Progress = Killing
run.adapt(load_adaptation(Path(sys.argv[1])))
"""
"""A script: adapt by the file that is its argument, and be killed after the fifth step."""


def adapt_and_kill(settings: Path) -> None:
    """Adapt by a file in a process of its own, which is killed after the fifth step."""
    command = [sys.executable, "-c", KILLED, str(settings)]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert killed.returncode == -signal.SIGKILL, killed.stderr


def losses(record: dict[str, Any]) -> list[float]:
    return [loss for stage in record["stages"] for _, loss in stage["record"]["loss"]]


def encoded_rows(pretrained: PretrainedModel, data: Path, count: int) -> list[Encoded]:
    """Return the first conversations in French of the folder of data as rows."""
    found, _ = read_conversations(data / "fr.json", images=None, language="fr", origin="machine")
    return [row for conversation in found[:count] for row in Encoder(pretrained, 1000)(conversation)]
