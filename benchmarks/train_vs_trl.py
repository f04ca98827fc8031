"""Samples a second of LoRA finetuning: Passerelle's loop against TRL's `SFTTrainer`, and where the time goes.

The same model, samples, batches in the same order, adapters with the same first weights, optimizer, rate and precision;
TRL from picture files, as its trainer does, and Passerelle from features that are computed before the first step: that
time is given too. TRL with its default, gradient checkpointing, and without. Each run is a process of its own, one
after the other in each round; the first steps aren't timed. The order is Passerelle's, which puts samples of like
length together: it spares TRL padding too.

TRL isn't a requirement of Passerelle: pip install --no-deps trl; it needs `datasets`.

Run: python benchmarks/train_vs_trl.py [--rounds 3] [--steps 15] [--batch 8] [--data FILE --model FOLDER]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from passerelle.adaptation.feed import RowFeed, plan_steps
from passerelle.adaptation.kernels.liger import apply_liger
from passerelle.adaptation.loop import Rates, StageRecord, make_trainable, train
from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.adaptation.settings import PartSettings, StageSettings
from passerelle.adaptation.stages import attach
from passerelle.costs.ledger import peak_memory_bytes
from passerelle.formats.conversations import Conversation, read_conversations
from passerelle.models.conversing import Encoded, Encoder
from passerelle.models.pretrained import PretrainedModel, load_pretrained
from passerelle.models.vision_cache import VisionFeatures
from passerelle.progress import quiet

WARM_UP = 3
RATE = 1e-3
SIDES = ("passerelle", "trl", "trl-checkpointing")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Clock:
    """Adds up the time of the forward of each part of a model, of the whole backward, and of what is wrapped.

    Args:
        pretrained: The model.
        parts: Whether to time its parts: on a GPU each then waits for the one before it.

    Attributes:
        seconds: By part.
        stamps: When each step ended.
        allocated: How often memory was asked of the GPU until then.
    """

    def __init__(self, pretrained: PretrainedModel, parts: bool = True) -> None:
        self.seconds: dict[str, float] = {}
        self.stamps: list[float] = []
        self.allocated: list[int] = []
        self._began: dict[str, float] = {}
        if parts:
            self._time_parts(pretrained)

    def _time_parts(self, pretrained: PretrainedModel) -> None:
        parts = {"tower": "tower", "projector": "projector", "language": "language model", "head": "head"}
        for part, name in parts.items():
            module = pretrained.family.module(pretrained.bare, part)  # type: ignore[arg-type]
            module.register_forward_pre_hook(self._starts(f"{name} forward"))
            module.register_forward_hook(self._ends(f"{name} forward"))
        torch.Tensor.backward = self.wrap("backward", torch.Tensor.backward)  # type: ignore[method-assign]

    def wrap(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return `work` with its time counted."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._starts(name)()
            result = work(*args, **kwargs)
            self._ends(name)()
            return result

        return timed

    def step(self, *_: object) -> None:
        """Note the end of a step; what came before the timed ones is forgotten."""
        self.stamps.append(now())
        self.allocated.append(torch.cuda.memory_stats().get("num_device_alloc", 0) if DEVICE == "cuda" else 0)
        if len(self.stamps) == WARM_UP:
            self.seconds.clear()

    def _starts(self, name: str) -> Callable[..., None]:
        def start(*_: object) -> None:
            self._began[name] = now()

        return start

    def _ends(self, name: str) -> Callable[..., None]:
        def end(*_: object) -> None:
            self.seconds[name] = self.seconds.get(name, 0.0) + now() - self._began.get(name, now())

        return end


def now() -> float:
    """Return the time when all work so far is done."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def prepare(
    asked: argparse.Namespace, pretrained: PretrainedModel
) -> tuple[list[Conversation], list[Encoded], list[list[int]]]:
    """Put adapters into a model, read the samples and plan the steps: the same for both sides."""
    part = PartSettings(how="lora", learning_rate=RATE)
    groups = attach(pretrained, StageSettings(name="training", train={"language": part}), seed=1)
    make_trainable(pretrained.model, groups, StageRecord("training"))
    found, _ = read_conversations(Path(asked.data), images=None, language="fr", origin="machine")
    known = [talk for talk in found if len(talk.messages) == 2 and talk.images][: asked.steps * asked.batch]
    rows = [row for talk in known for row in Encoder(pretrained, 4096)(talk)]
    assert len(rows) == len(known) == asked.steps * asked.batch, "too few samples"
    steps = plan_steps([len(row) for row in rows], asked.batch, 1, asked.steps, seed=1)
    return known, rows, [batch for (batch,) in steps]


def ours(
    asked: argparse.Namespace, pretrained: PretrainedModel, parts: bool = True, liger: bool = False
) -> dict[str, Any]:
    """Train with Passerelle's loop, with Liger's kernels where they are asked for."""
    if liger:
        apply_liger(pretrained, pretrained.device)
    _, rows, steps = prepare(asked, pretrained)
    parameters = {name: value for name, value in pretrained.model.named_parameters() if value.requires_grad}
    groups = [ParameterGroup("language", parameters, RATE)]
    record = StageRecord("training")
    with tempfile.TemporaryDirectory() as cache:
        vision = VisionFeatures(pretrained, Path(cache))
        began = now()
        vision.prepare([row.images for row in rows])
        features = now() - began
        clock = Clock(pretrained, parts)
        vision.outputs = clock.wrap("features read", vision.outputs)  # type: ignore[method-assign]
        pretrained.model.train()
        feed = RowFeed(pretrained, vision, rows, [[batch] for batch in steps])
        rates = Rates(warmup=0.0, final=1.0, clip=1.0, shape="constant")
        train(feed, groups, record, rates, watch=clock.step)
        result = outcome(asked, clock, [loss for _, loss in record.loss])
        if torch.cuda.is_available() and not parts:
            again = RowFeed(pretrained, vision, rows, [[batch] for batch in steps[-2:]])
            result["profile"] = profiled(lambda: train(again, groups, StageRecord("training"), rates))
    tokens = sum(map(len, rows)) / len(rows)
    flops = record.flops / record.samples
    return result | {"features_seconds": features, "flops_a_sample": flops, "tokens_a_sample": tokens}


def profiled(work: Callable[[], Any]) -> dict[str, Any]:
    """Return for how long a GPU was busy, with how many kernels, and which took longest."""
    from torch.profiler import ProfilerActivity, profile

    began = now()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        work()
        now()
    kernels = [event for event in profiler.key_averages() if event.self_device_time_total]
    kernels.sort(key=lambda event: -event.self_device_time_total)
    return {
        "seconds": now() - began,
        "busy": sum(event.self_device_time_total for event in kernels) / 1e6,
        "kernels": sum(event.count for event in kernels),
        "longest": [[event.key[:120], event.count, event.self_device_time_total / 1e6] for event in kernels[:25]],
    }


def theirs(
    asked: argparse.Namespace, pretrained: PretrainedModel, checkpointing: bool, liger: bool = False, parts: bool = True
) -> dict[str, Any]:
    """Train with TRL's trainer, with Liger's kernels where they are asked for."""
    from datasets import Dataset, Image, Sequence
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    talks, _, steps = prepare(asked, pretrained)
    hold_norms(pretrained.model)
    clock = Clock(pretrained, parts)

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.step()

    class InOrder(SFTTrainer):  # type: ignore[misc]
        def _get_train_sampler(self, *_: Any, **__: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    data = Dataset.from_list([example(talks[index]) for batch in steps for index in batch])
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder, per_device_train_batch_size=asked.batch, max_steps=asked.steps, learning_rate=RATE,
            lr_scheduler_type="constant", adam_beta2=0.95, max_grad_norm=1.0, max_length=None, logging_steps=1,
            completion_only_loss=True, gradient_checkpointing=checkpointing, save_strategy="no", report_to="none",
            use_cpu=DEVICE == "cpu", bf16=pretrained.model.dtype == torch.bfloat16, disable_tqdm=True,
            use_liger_kernel=liger,
        )  # fmt: skip
        trainer = InOrder(
            model=pretrained.model, args=config, train_dataset=data.cast_column("images", Sequence(Image())),
            processing_class=pretrained.processor, callbacks=[Watch()],
        )  # fmt: skip
        batch = until_the_end(trainer.data_collator.torch_call, pretrained)
        trainer.data_collator.torch_call = clock.wrap("data", batch)
        trainer.train()
    return outcome(asked, clock, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry])


def hold_norms(model: torch.nn.Module) -> None:
    """Keep the frozen tower's batch norms as they are, as Passerelle does.

    A trainer puts the whole model in training mode: a picture is then seen otherwise beside other pictures, and the
    norms of the frozen tower drift, which no adapter saves.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
            module.train = lambda mode=True, norm=module: norm  # type: ignore[method-assign]


def until_the_end(batch: Callable[..., Any], pretrained: PretrainedModel) -> Callable[..., Any]:
    """Return TRL's collator with the blanks behind the end of a turn not learnt, as Passerelle has it."""

    def collated(examples: Any) -> Any:
        made = batch(examples)
        for ids, seen, labels in zip(made["input_ids"], made["attention_mask"], made["labels"], strict=True):
            for place in reversed(seen.nonzero()[:, 0].tolist()):
                if pretrained.tokenizer.decode([int(ids[place])]).strip():
                    break
                labels[place] = -100
        return made

    return collated


def example(talk: Conversation) -> dict[str, Any]:
    """Return a conversation as TRL takes prompts and completions."""

    def content(parts: tuple[str | None, ...]) -> list[dict[str, str]]:
        return [{"type": "image"} if part is None else {"type": "text", "text": part} for part in parts]

    asked, said = talk.messages
    return {
        "images": [str(path) for path in talk.images],
        "prompt": [{"role": "user", "content": content(asked.parts)}],
        "completion": [{"role": "assistant", "content": content(said.parts)}],
    }


def outcome(asked: argparse.Namespace, clock: Clock, losses: list[float]) -> dict[str, Any]:
    """Return what a run measured."""
    steps = len(clock.stamps) - WARM_UP
    each = [after - before for before, after in zip(clock.stamps[WARM_UP - 1 :], clock.stamps[WARM_UP:], strict=False)]
    seconds = sum(each)
    peak = torch.cuda.max_memory_allocated() if DEVICE == "cuda" else peak_memory_bytes()
    return {
        "samples_a_second": steps * asked.batch / seconds,
        "step_seconds": seconds / steps,
        "each_step": each,
        "allocated": clock.allocated,
        "parts": {name: value / steps for name, value in sorted(clock.seconds.items())},
        "peak_gigabytes": peak / 1e9,
        "losses": losses,
    }


def matmul_peak(size: int = 2048, repeats: int = 6) -> float:
    """Return the operations a second of a square product in the precision of training, the best of some."""
    from passerelle.models.precision import best_dtype

    one = torch.randn(size, size, device=DEVICE).to(best_dtype(torch.device(DEVICE)))
    best = float("inf")
    for _ in range(repeats):
        began = now()
        one @ one
        best = min(best, now() - began)
    return 2 * size**3 / best


def run_side(asked: argparse.Namespace, side: str) -> dict[str, Any]:
    """Measure one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--steps", str(asked.steps), "--batch", str(asked.batch)]
    done = subprocess.run(
        [*command, "--data", asked.data, "--model", asked.model], stdout=subprocess.PIPE, text=True, check=True
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def compare(asked: argparse.Namespace) -> dict[str, Any]:
    """Run all sides in turns and return the medians."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    peaks = []
    for _ in range(asked.rounds):
        for side in SIDES:
            peaks.append(matmul_peak())
            runs[side].append(run_side(asked, side))
            shown = {name: value for name, value in runs[side][-1].items() if name not in ("losses", "each_step")}
            print(side, json.dumps(shown), file=sys.stderr)
    median = {side: statistics.median(run["samples_a_second"] for run in runs[side]) for side in SIDES}
    ratios = {
        side: [
            statistics.median(b / a for a, b in zip(ours["each_step"], theirs["each_step"], strict=True))
            for ours, theirs in zip(runs[SIDES[0]], runs[side], strict=True)
        ]
        for side in SIDES[1:]
    }
    first = {side: runs[side][0]["losses"] for side in SIDES}
    apart = {side: max(abs(a - b) for a, b in zip(first[SIDES[0]], first[side], strict=True)) for side in SIDES[1:]}
    peak = statistics.median(peaks)
    per_sample = runs[SIDES[0]][0]["flops_a_sample"]
    step = statistics.median(each for run in runs[SIDES[0]] for each in run["each_step"])
    return {
        "device": torch.cuda.get_device_name() if DEVICE == "cuda" else f"{torch.get_num_threads()} CPU threads",
        "samples_a_second": {side: round(value, 2) for side, value in median.items()},
        "times_faster": {side: [round(value, 2) for value in each] for side, each in ratios.items()},
        "largest_difference_of_loss": {side: round(value, 4) for side, value in apart.items()},
        "matmul_gigaflops": round(peak / 1e9),
        "utilisation_percent": round(100 * asked.batch * per_sample / step / peak, 1),
        "peak_gigabytes": {side: round(max(run["peak_gigabytes"] for run in runs[side]), 2) for side in SIDES},
        "features_seconds": round(statistics.median(run["features_seconds"] for run in runs[SIDES[0]]), 2),
        "step_milliseconds": {
            side: {
                "whole": round(1e3 * runs[side][-1]["step_seconds"]),
                **{name: round(1e3 * value) for name, value in runs[side][-1]["parts"].items()},
            }
            for side in SIDES
        },
    }


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--data", default="")
    parser.add_argument("--model", default="")
    parser.add_argument("--side", choices=SIDES)
    asked = parser.parse_args()
    quiet()
    if asked.side:
        pretrained = load_pretrained(asked.model, device=DEVICE)
        mine, checkpointing = asked.side == "passerelle", asked.side == "trl-checkpointing"
        print(json.dumps(ours(asked, pretrained) if mine else theirs(asked, pretrained, checkpointing)))
        return
    with tempfile.TemporaryDirectory() as folder:
        if not asked.data:
            command = [sys.executable, "-m", "passerelle", "export", "example-data", "--out", folder]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            asked.data = f"{folder}/train-fr.json"
        if not asked.model:
            from passerelle.example.embedded import assemble

            asked.model = str(assemble())
        print(json.dumps(compare(asked), indent=2))


if __name__ == "__main__":
    main()
