"""What a stage saves to go on as if it had never been stopped: masters, moments, what was done, what was counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from passerelle.adaptation.optimizer import MasterAdamW
from passerelle.adaptation.processes import Processes
from passerelle.costs.clocks import Took
from passerelle.costs.flops import FlopMeter
from passerelle.models.parameter_files import load_tensors, save_tensors
from passerelle.progress import say
from passerelle.runs import content_hash, read_json, write_json

if TYPE_CHECKING:
    from passerelle.adaptation.loop import StageRecord


_RECORD = "checkpoint.json"


@dataclass(frozen=True)
class Checkpoints:
    """Where a stage saves what it needs to go on, and how often in steps.

    The file of tensors is one for all processes, or one for each where each has another piece.
    """

    folder: Path
    steps: int = 25

    def save(
        self, optimizer: MasterAdamW, record: StageRecord, meter: FlopMeter, took: Took, processes: Processes
    ) -> None:
        """Save where a stage is; a kill at any moment leaves this checkpoint or the one before whole.

        Args:
            optimizer: The optimizer.
            record: What was done.
            meter: Counts operations: a step that is counted rounds its gradients otherwise than one that isn't, so a
                training that goes on must count the steps that it would have counted.
            took: What it has taken, earlier runs included.
            processes: The processes of the stage; all of them have to call this.
        """
        name = f"step-{record.steps}"
        if processes.first or optimizer.in_pieces:
            save_tensors(self._file(name, optimizer, processes), optimizer.state())
        processes.wait()
        if not processes.first:
            return
        state = {"file": name, "pieces": _pieces(optimizer, processes)}
        done = asdict(replace(record, seconds_before=took.seconds, took_before=asdict(took)))
        content = {**state, "record": done, "meter": asdict(meter)}
        write_json(self.folder / _RECORD, {**content, "sha256": content_hash(content)})
        for old in self.folder.glob("step-*"):
            if old.name.split(".")[0] != name:
                old.unlink(missing_ok=True)

    def load(self, optimizer: MasterAdamW, record: StageRecord, processes: Processes) -> FlopMeter | None:
        """Go on from the checkpoint, if there is one that is whole for all processes, and say so where it isn't.

        Returns:
            The meter as it was; ``None``, and nothing changed, without such a checkpoint.
        """
        found = self._read(optimizer, processes)
        if not processes.agree(found is not None) or found is None:
            if processes.first and (self.folder / _RECORD).exists():
                say(f"the checkpoint in {str(self.folder)!r} is damaged, or of other processes: the stage begins anew")
            return None
        meter, done, tensors = found
        optimizer.load_state(tensors)
        for key, value in done.items():
            setattr(record, key, value)
        return meter

    def _read(
        self, optimizer: MasterAdamW, processes: Processes
    ) -> tuple[FlopMeter, dict[str, Any], dict[str, Tensor]] | None:
        saved: dict[str, Any] | None = read_json(self.folder / _RECORD)
        try:
            if saved is None or saved.pop("sha256") != content_hash(saved):
                return None
            if saved["pieces"] != _pieces(optimizer, processes):
                return None
            meter = FlopMeter(**saved["meter"])
            done = {**saved["record"], "loss": [tuple(point) for point in saved["record"]["loss"]]}
            tensors = load_tensors(self._file(saved["file"], optimizer, processes))
            if tensors is None:
                return None
            optimizer.check(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError):
            return None
        return meter, done, tensors

    def _file(self, name: str, optimizer: MasterAdamW, processes: Processes) -> Path:
        piece = f".{processes.index}" if optimizer.in_pieces else ""
        return self.folder / f"{name}{piece}.safetensors"


def _pieces(optimizer: MasterAdamW, processes: Processes) -> int:
    return processes.count if optimizer.in_pieces else 1
