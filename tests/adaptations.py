"""What tests of adaptations share: the losses of a record, and a program that is killed in the midst of one."""

from __future__ import annotations

from typing import Any

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


def losses(record: dict[str, Any]) -> list[float]:
    return [loss for stage in record["stages"] for _, loss in stage["record"]["loss"]]
