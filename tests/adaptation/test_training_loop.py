"""The training loop on a tiny real model: what it learns, what it leaves alone, how it goes on after a kill."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.base.encoding import PairEncoder
from experiments.base.trees import AlignedFeatures, Schedule, plan, train_stage
from passerelle.adaptation import loop
from passerelle.adaptation.loop import Rates, StageRecord
from passerelle.adaptation.optimizer import MasterAdamW, ParameterGroup
from passerelle.adaptation.processes import Alone
from passerelle.adaptation.settings import PartSettings, StageSettings
from passerelle.adaptation.stages import attach
from passerelle.costs.limits import LimitReached, Limits, allowed, is_spent
from passerelle.errors import StorageError, TrainingError
from passerelle.models.parameter_files import save_tensors

SCHEDULE = Schedule(tokens=1800, nodes_per_tree=150, trees_per_step=1)
NAMES = ("un merle", "une oie", "un chat", "des pommes", "la neige", "le camion")


class Killed(Exception):
    """Stands in for the end of the process."""


def projector(model: Any) -> torch.nn.Module:
    found: torch.nn.Module = model.family.module(model.bare, "projector")
    return found


def make_features(model: Any) -> AlignedFeatures:
    torch.manual_seed(9)
    return AlignedFeatures(torch.randn(len(NAMES), 4, 16), projector(model))


def examples(model: Any) -> list[Any]:
    found, encode = [], PairEncoder(model)
    for _ in range(6):
        for row, name in enumerate(NAMES):
            turns = (("Quoi ?", name), (f"Est-ce {name} ?", "Oui"))
            found.append([encode(prompt, reply, Path(str(row))) for prompt, reply in turns])
    return found


def groups(model: Any, rate: float = 0.01) -> list[ParameterGroup]:
    adapter = PartSettings(how="lora", rank=4, alpha=8, learning_rate=0.1)  # the group has its own rate
    (language,) = attach(model, StageSettings(name="training", train={"language": adapter}), 1)
    others = {f"projector.{name}": value for name, value in projector(model).named_parameters()}
    return [ParameterGroup("adapter", language.parameters, rate), ParameterGroup("projector", others, rate / 2)]


def train(model: Any, chosen: list[ParameterGroup] | None = None, **more: Any) -> Any:
    chosen = groups(model) if chosen is None else chosen
    return train_stage(model, "training", chosen, examples(model), make_features(model), SCHEDULE, **more)


def parameters(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.model.named_parameters()}


def test_the_loss_falls(tiny: Any) -> None:
    schedule = Schedule(tokens=8000, nodes_per_tree=150, trees_per_step=1)
    record = train_stage(tiny, "training", groups(tiny, 0.05), examples(tiny) * 5, make_features(tiny), schedule)
    losses = [loss for _, loss in record.loss]
    assert [step for step, _ in record.loss] == list(range(1, record.steps + 1))
    assert record.steps >= 40
    assert losses[0] == pytest.approx(math.log(len(tiny.tokenizer)), rel=0.2), "a random model guesses"
    assert sum(losses[-5:]) / 5 < 0.7 * losses[0]


def test_only_what_is_named_changes(tiny: Any) -> None:
    chosen = groups(tiny)
    before = parameters(tiny)
    record = train(tiny, chosen)
    changed = {name for name, p in parameters(tiny).items() if not torch.equal(p, before[name])}
    named = {name for name in before if "lora_" in name or "multi_modal_projector" in name}
    assert changed == named
    assert record.trainable_parameters == sum(before[name].numel() for name in named)
    assert {n for n, p in tiny.model.named_parameters() if p.requires_grad} == named
    assert record.learning_rates == {"adapter": 0.01, "projector": 0.005}


def test_the_record_adds_up(tiny: Any) -> None:
    told: list[tuple[int, int, float]] = []
    record = train(tiny, watch=lambda *step: told.append(step))
    assert [step for step, _, _ in told] == list(range(1, record.steps + 1))
    assert {total for _, total, _ in told} == {record.steps}
    assert [round(loss, 4) for _, _, loss in told] == [loss for _, loss in record.loss]
    assert 0.6 * SCHEDULE.tokens < record.tokens <= SCHEDULE.tokens + 150
    assert record.flops > 6 * record.tokens * 10_000
    assert 0 < record.samples <= 36
    planned = plan(examples(tiny), tiny.image_token, SCHEDULE)
    assert record.samples == sum(len(tree) for step in planned for tree in step)


@pytest.mark.parametrize("killed_at", [1, 4, 6, 9])
def test_a_killed_training_goes_on_as_if_it_had_not_been(
    tiny: Any, fresh: Callable[[], Any], tmp_path: Path, killed_at: int
) -> None:
    whole = train(tiny, checkpoint=tmp_path / "whole", checkpoint_steps=3)

    def kill(step: int, steps: int, loss: float) -> None:
        if step == killed_at:
            raise Killed

    first = fresh()
    with pytest.raises(Killed):
        train(first, checkpoint=tmp_path / "cut", checkpoint_steps=3, watch=kill)
    second, seen = fresh(), []
    resumed = train(second, checkpoint=tmp_path / "cut", checkpoint_steps=3, watch=lambda step, *_: seen.append(step))
    assert seen[0] == killed_at // 3 * 3 + 1, "steps before the last checkpoint aren't done again"
    expected = parameters(tiny)
    for name, parameter in parameters(second).items():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-6)
    assert (resumed.steps, resumed.samples, resumed.tokens) == (whole.steps, whole.samples, whole.tokens)
    assert [step for step, _ in resumed.loss] == [step for step, _ in whole.loss]
    assert [loss for _, loss in resumed.loss] == pytest.approx([loss for _, loss in whole.loss], abs=2e-4)
    assert resumed.flops == whole.flops
    assert (resumed.seconds_before > 0) == (killed_at >= 3), "the time up to the last checkpoint isn't lost"
    assert whole.seconds_before == 0, "the time of a run that wasn't cut off is on the clock of whoever runs it"


def test_a_limit_keeps_every_step_that_was_taken(tiny: Any, fresh: Callable[[], Any], tmp_path: Path) -> None:
    model = fresh()
    with allowed(Limits(euros=1e-12), tmp_path), pytest.raises(LimitReached, match="limit of 1e-12 €"):
        train(model, checkpoint=tmp_path / "cut", checkpoint_steps=1000)
    assert not is_spent(), "behind the block there is none"
    seen: list[int] = []
    train(fresh(), checkpoint=tmp_path / "cut", checkpoint_steps=1000, watch=lambda step, *_: seen.append(step))
    assert seen[0] == 2, "the one step that was taken isn't taken again"
    spent = json.loads((tmp_path / "spent.json").read_text(encoding="utf-8"))
    assert spent["took"]["processor_seconds"] > 0


DAMAGES = ["cut weights", "no weights", "cut record", "other weights", "no moments", "other bytes", "other record"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_checkpoint_is_a_fresh_start(
    tiny: Any, fresh: Callable[[], Any], tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file

    def kill(step: int, steps: int, loss: float) -> None:
        if step == 7:
            raise Killed

    train(tiny)
    with pytest.raises(Killed):
        train(fresh(), checkpoint=tmp_path, checkpoint_steps=3, watch=kill)
    (weights,) = tmp_path.glob("*.safetensors")
    record = tmp_path / "checkpoint.json"
    tensors = load_file(weights)
    if damage == "cut weights":
        weights.write_bytes(weights.read_bytes()[:-20])
    elif damage == "no weights":
        weights.unlink()
    elif damage == "cut record":
        record.write_text(record.read_text()[:-20])
    elif damage == "other bytes":  # of the right length: the numbers of one tensor are others
        content = bytearray(weights.read_bytes())
        content[-200:-100] = bytes(byte ^ 255 for byte in content[-200:-100])
        weights.write_bytes(bytes(content))
    elif damage == "other record":
        content = record.read_bytes()
        record.write_bytes(content.replace(b'"steps": 6', b'"steps": 4'))
        assert record.read_bytes() != content
    elif damage == "other weights":
        last = list(tensors)[-1]
        save_tensors(weights, {**tensors, last: torch.zeros(3)})
    else:
        last = sorted(name for name in tensors if name.startswith("exp_avg."))[-1]
        save_tensors(weights, {name: tensor for name, tensor in tensors.items() if name != last})
    model, seen = fresh(), []
    train(model, checkpoint=tmp_path, checkpoint_steps=3, watch=lambda step, *_: seen.append(step))
    assert seen[0] == 1
    assert "the stage begins anew" in capsys.readouterr().err
    expected = parameters(tiny)
    for name, parameter in parameters(model).items():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-6)


def test_one_checkpoint_is_kept(tiny: Any, tmp_path: Path) -> None:
    record = train(tiny, checkpoint=tmp_path / "c", checkpoint_steps=2)
    last = (record.steps - 1) // 2 * 2
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["checkpoint.json", f"step-{last}.safetensors"]


def test_a_full_disk_stops_with_a_clear_line(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full.*step-2"):
        train(tiny, checkpoint=tmp_path / "c", checkpoint_steps=2)
    assert list((tmp_path / "c").iterdir()) == []


def test_a_loss_that_is_not_finite(tiny: Any) -> None:
    chosen = groups(tiny)
    with torch.no_grad():
        projector(tiny).linear_2.bias.fill_(math.nan)
    before = parameters(tiny)
    with pytest.raises(TrainingError, match=r"'training': the loss at step 1 is nan\. Lower .*adapter: 0\.01"):
        train(tiny, chosen)
    after = parameters(tiny)
    assert all(torch.equal(after[name], before[name]) for name in before if "lora_" in name)


def test_a_learning_rate_far_too_high_is_seen_or_survived(tiny: Any) -> None:
    try:
        record = train(tiny, groups(tiny, rate=1e30))
    except TrainingError as error:
        assert "Lower its learning rate" in str(error)
    else:
        assert all(math.isfinite(loss) for _, loss in record.loss)


class Drawing:
    """Steps whose loss depends on what is drawn in them, as dropout's does; they note it."""

    samples = tokens = 1

    def __init__(self, steps: int) -> None:
        self.steps, self.weight = steps, torch.nn.Parameter(torch.ones(1))
        self.drawn: list[float] = []

    def __len__(self) -> int:
        return self.steps

    def parts(self, step: int) -> list[Drawing]:
        return [self]

    def while_computed(self) -> None:
        pass

    def halves(self) -> list[Drawing]:
        return []

    def loss(self) -> torch.Tensor:
        self.drawn.append(float(torch.rand(1)))
        return (self.weight * self.drawn[-1]).sum()


def drawn(seed: int | None, steps: int = 6, done: int = 0, **processes: int) -> list[float]:
    """Return what is drawn in the steps of a stage that go on after `done`."""
    feed, record = Drawing(steps), StageRecord("training", steps=done)
    group = ParameterGroup("all", {"weight": feed.weight}, 0.01)
    loop.train(feed, [group], record, Rates(), seed=seed, processes=Alone(**processes))
    return feed.drawn


def test_each_step_draws_anew_and_the_same_after_a_kill() -> None:
    whole = drawn(seed=1)
    assert len(set(whole)) == 6, "no two steps drop the same"
    torch.manual_seed(99)
    assert drawn(seed=1) == whole
    assert drawn(seed=1, done=2) == whole[2:]
    assert not {*drawn(seed=2)} & {*whole}
    others = [drawn(seed=1, count=2, index=index) for index in range(2)]
    assert len({*others[0], *others[1]}) == 12, "no two processes drop the same"


def test_nothing_to_train(tiny: Any) -> None:
    with pytest.raises(TrainingError, match="'training' trains nothing"):
        train(tiny, [ParameterGroup("adapter", {}, 0.1)])
    with pytest.raises(TrainingError, match="'training' trains nothing"):
        train(tiny, [])


def test_nothing_to_train_on(tiny: Any) -> None:
    with pytest.raises(TrainingError, match="'training' has no examples"):
        train_stage(tiny, "training", groups(tiny), [], make_features(tiny), SCHEDULE)


def test_small_updates_of_bf16_parameters_add_up() -> None:
    parameter = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    optimizer = MasterAdamW([ParameterGroup("all", {"p": parameter}, 1e-4)])
    for _ in range(100):
        parameter.grad = torch.ones_like(parameter)
        optimizer.step(1.0, 1.0)
    # Each step alone is below half of what bf16 tells apart at 1 (1/128).
    assert parameter.tolist() == [pytest.approx(0.99, abs=0.004)] * 4
    assert optimizer.masters[0].tolist() == pytest.approx([0.99] * 4, abs=1e-4)
    assert parameter.grad is None


def test_each_group_has_its_rate() -> None:
    slow, fast = (torch.nn.Parameter(torch.zeros(2)) for _ in range(2))
    optimizer = MasterAdamW([ParameterGroup("slow", {"a": slow}, 0.001), ParameterGroup("fast", {"b": fast}, 0.1)])
    slow.grad, fast.grad = torch.ones(2), torch.ones(2)
    optimizer.step(0.5, 1.0)
    assert slow.tolist() == pytest.approx([-0.0005] * 2)
    assert fast.tolist() == pytest.approx([-0.05] * 2)


def test_a_large_gradient_is_clipped() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = MasterAdamW([ParameterGroup("all", {"p": parameter}, 0.01)])
    for gradient in (1e6, -0.5):
        parameter.grad = torch.tensor([gradient])
        optimizer.step(1.0, 1.0)
    # By Adam's formulas (betas 0.9, 0.95) with gradients 1 and -0.5; unclipped, the second step would be 0.68.
    mean, square = (0.9 * 0.1 - 0.1 * 0.5) / 0.19, (0.95 * 0.05 + 0.05 * 0.25) / 0.0975
    assert parameter.item() == pytest.approx(-0.01 * (1 + mean / square**0.5), rel=1e-4)


def test_rates_rise_and_fall() -> None:
    schedule = Rates(warmup=0.1, final=0.2)
    rates = [schedule.share(step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert rates[10] == pytest.approx(1)
    assert rates[55] == pytest.approx(0.6)
    assert all(a >= b for a, b in zip(rates[10:], rates[11:], strict=False))
    assert rates[99] == pytest.approx(0.2, abs=0.001)
    assert schedule.share(0, 1) == 1


def test_the_plan_keeps_to_the_budget(tiny: Any) -> None:
    given = examples(tiny)
    steps = plan(given, tiny.image_token, Schedule(tokens=1000, nodes_per_tree=100, trees_per_step=2))
    assert len(steps) == 5
    assert all(len(step) == 2 for step in steps)
    assert [e for step in steps for tree in step for e in tree] == list(range(sum(len(t) for s in steps for t in s)))
    assert plan(given, tiny.image_token, Schedule(tokens=10**9, nodes_per_tree=100))[-1][-1][-1] == len(given) - 1
    assert plan([], tiny.image_token, SCHEDULE) == []
