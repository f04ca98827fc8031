"""LoRA and two-stage on a tiny real model: what each changes, and that finished stages aren't trained again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from passerelle.config import parse_experiment
from passerelle.costs.ledger import Phase
from passerelle.errors import TrainingError
from passerelle.methods import lora, two_stage
from passerelle.methods.base import Training, TrainingData
from passerelle.records import Sample, Turn

NAMES = (
    "un merle", "une oie", "un chat", "des pommes", "la neige", "le camion",
    "du pain", "trois clés", "mon vélo", "ce gland", "quel œuf", "sa jupe",
)  # fmt: skip
SETTINGS: dict[str, Any] = {
    "budget": {"tokens": 1600, "nodes_per_tree": 80, "trees_per_step": 2},
    "lora": {"rank": 4, "alpha": 8, "learning_rate": 0.01},
    "two_stage": {"language": {"rank": 4, "alpha": 8, "learning_rate": 0.01}},
}
METHODS = {"lora": lora.adapt, "two-stage": two_stage.adapt}


def samples(epoch: int) -> list[Sample]:
    return [
        Sample(name, name, (Turn("Quoi ?", name), Turn(f"Est-ce {name} ?", f"Oui{epoch}")), "fr", "human-translation")
        for name in NAMES
    ]


def job(
    model: Any, folder: Path, *, draw: Any = samples, seed: int = 1, **changes: Any
) -> tuple[Training, list[Phase]]:
    torch.manual_seed(9)
    data = TrainingData(draw, torch.randn(len(NAMES), 4, 16), {name: row for row, name in enumerate(NAMES)})
    phases: list[Phase] = []

    def stage(name: str) -> Phase:
        phases.append(Phase(name))
        return phases[-1]

    experiment = parse_experiment({**SETTINGS, **changes}, "test")
    return Training(model, data, experiment, seed, folder, stage, lambda name: lambda *step: None), phases


def parameters(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.model.named_parameters()}


def changed(model: Any, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, p in parameters(model).items() if not torch.equal(p, before[name])}


def test_lora_changes_the_language_model(tiny: Any, tmp_path: Path) -> None:
    before = parameters(tiny)
    training, phases = job(tiny, tmp_path)
    (record,) = lora.adapt(training)
    found = changed(tiny, before)
    assert found
    assert all("language_model.layers" in name and name.endswith("_proj.weight") for name in found)
    assert [phase.phase for phase in phases] == ["training"]
    assert (phases[0].tokens, phases[0].flops) == (record.tokens, record.flops)
    assert phases[0].seconds > 0
    assert record.learning_rates == {"adapter": 0.01}


def test_lora_may_train_the_projector_too(tiny: Any, tmp_path: Path) -> None:
    before = parameters(tiny)
    training, _ = job(tiny, tmp_path, lora={**SETTINGS["lora"], "projector_learning_rate": 0.01})
    lora.adapt(training)
    assert any("multi_modal_projector" in name for name in changed(tiny, before))
    assert not any("vision_tower" in name for name in changed(tiny, before))


def test_two_stages(tiny: Any, tmp_path: Path) -> None:
    seen: list[dict[str, torch.Tensor]] = [parameters(tiny)]
    training, phases = job(tiny, tmp_path)
    original = training.stage

    def stage(name: str) -> Phase:
        if name == "vision stage":
            seen.append(parameters(tiny))
        return original(name)

    records = two_stage.adapt(Training(**{**vars(training), "stage": stage}))
    seen.append(parameters(tiny))
    assert (
        [record.name for record in records] == [phase.phase for phase in phases] == ["language stage", "vision stage"]
    )
    start, middle, end = seen
    language = {name for name in start if not torch.equal(start[name], middle[name])}
    vision = {name for name in start if not torch.equal(middle[name], end[name])}
    assert language and all("language_model.layers" in name for name in language)
    assert vision == {name for name in start if "multi_modal_projector" in name}
    assert records[0].learning_rates == {"adapter": 0.01}
    spent = sum(record.steps * 2 * 80 for record in records)
    assert 1600 <= spent <= 1600 + 2 * 160, "both stages share the one budget"
    assert records[0].steps < records[1].steps


def test_the_language_stage_sees_no_picture(tiny: Any, tmp_path: Path) -> None:
    training, _ = job(tiny, tmp_path)
    for pictured in (False, True):
        examples = training.data.examples(tiny, training.schedule(), 1, pictured=pictured)
        tokens = [s.prompt.count(tiny.image_token) for example in examples for s in example]
        assert set(tokens) == ({4} if pictured else {0})
        assert {len(example) for example in examples} == ({2} if pictured else {1})


def test_only_the_vision_stage_looks_at_pictures(tiny: Any, tmp_path: Path) -> None:
    training, _ = job(tiny, tmp_path)
    blind = TrainingData(samples, torch.full((len(NAMES), 4, 16), torch.nan), training.data.rows)
    with pytest.raises(TrainingError, match="'vision stage': the loss at step 1 is nan"):
        two_stage.adapt(Training(**{**vars(training), "data": blind}))


def test_epochs_differ_and_fill_the_budget(tiny: Any, tmp_path: Path) -> None:
    drawn: list[int] = []

    def draw(epoch: int) -> list[Sample]:
        drawn.append(epoch)
        return samples(epoch)

    training, _ = job(tiny, tmp_path, draw=draw)
    examples = training.data.examples(tiny, training.schedule(), 1, pictured=True)
    assert drawn == list(range(len(drawn)))
    assert len(drawn) > 1
    assert len(examples) == len(drawn) * len(NAMES)
    assert examples == training.data.examples(tiny, training.schedule(), 1, pictured=True)
    assert examples != training.data.examples(tiny, training.schedule(), 2, pictured=True)


@pytest.mark.parametrize("method", METHODS)
def test_a_finished_arm_is_loaded(tiny: Any, fresh: Callable[[], Any], tmp_path: Path, method: str) -> None:
    training, phases = job(tiny, tmp_path)
    records = METHODS[method](training)

    def refuse(epoch: int) -> list[Sample]:
        raise AssertionError("it was trained again")

    model = fresh()
    again, loaded_phases = job(model, tmp_path, draw=refuse)
    loaded = METHODS[method](again)
    expected = parameters(tiny)
    for name, parameter in parameters(model).items():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-6)
    assert [phase.to_dict() for phase in loaded_phases] == [phase.to_dict() for phase in phases]
    assert [(r.name, r.steps, r.tokens) for r in loaded] == [(r.name, r.steps, r.tokens) for r in records]
    assert type(model.model).__name__ == "LlavaForConditionalGeneration"


@pytest.mark.parametrize("broken", ["training.safetensors", "training.json"])
def test_a_broken_arm_is_trained_again(tiny: Any, fresh: Callable[[], Any], tmp_path: Path, broken: str) -> None:
    lora.adapt(job(tiny, tmp_path)[0])
    path = tmp_path / broken
    path.write_bytes(path.read_bytes()[:-9])
    model = fresh()
    lora.adapt(job(model, tmp_path)[0])
    expected = parameters(tiny)
    for name, parameter in parameters(model).items():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_arm_goes_on(tiny: Any, fresh: Callable[[], Any], tmp_path: Path, method: str) -> None:
    METHODS[method](job(tiny, tmp_path / "whole")[0])
    for stage, step in (("training", 3), ("language stage", 2), ("vision stage", 2)):
        model = fresh()
        training, _ = job(model, tmp_path / "cut")

        def kill(name: str, stage: str = stage, step: int = step) -> Any:
            def watch(at: int, *_: Any) -> None:
                if (name, at) == (stage, step):
                    raise KeyboardInterrupt

            return watch

        try:
            METHODS[method](Training(**{**vars(training), "watch": kill}))
        except KeyboardInterrupt:
            continue
    model = fresh()
    METHODS[method](job(model, tmp_path / "cut")[0])
    expected = parameters(tiny)
    for name, parameter in parameters(model).items():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_are_refused(tiny: Any, tmp_path: Path, method: str, count: int) -> None:
    training, _ = job(tiny, tmp_path, draw=lambda epoch: samples(0)[:count])
    with pytest.raises(TrainingError, match=r"too few to fill rows of 80 tokens: raise budget\.pictures"):
        METHODS[method](training)


def test_another_seed_learns_something_else(tiny: Any, fresh: Callable[[], Any], tmp_path: Path) -> None:
    other = fresh()
    lora.adapt(job(tiny, tmp_path / "1")[0])
    lora.adapt(job(other, tmp_path / "2", seed=2)[0])
    expected = parameters(tiny)
    assert any(not torch.equal(p, expected[name]) for name, p in parameters(other).items())
