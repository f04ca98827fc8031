"""Merging whole checkpoints: what is written, what is copied, what is refused."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from passerelle.errors import ConfigError, InputError, UserError
from passerelle.models.merging import merging
from passerelle.models.merging.merging import merge_checkpoints, merge_state_dicts, merge_tensor
from passerelle.models.merging.rules import RULES, MergeSettings
from passerelle.models.merging.weight_files import INDEX, SINGLE_FILE, WeightFiles, pattern_in_files

LANGUAGE_MODEL = r"model\.language_model\..*|lm_head\..*"


def make_llama(seed: int, dtype: torch.dtype = torch.float32) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        attention_bias=True,
        tie_word_embeddings=False,
        initializer_range=0.2,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.to(dtype).eval()


@pytest.fixture(scope="module")
def llamas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A base in one file, one adapted model in two shards, and another in shards cut elsewhere."""
    root = tmp_path_factory.mktemp("llamas")
    folders = root / "base", root / "adapted", root / "second"
    for seed, (folder, size) in enumerate(zip(folders, ("1GB", "60KB", "40KB"), strict=True)):
        make_llama(seed).save_pretrained(folder, max_shard_size=size)
    assert len(WeightFiles(folders[1]).files) == 2
    assert len(WeightFiles(folders[2]).files) > 2
    return folders


def state(folder: Path) -> dict[str, Tensor]:
    files = WeightFiles(folder)
    return {name: files.read(name).clone() for name in files.entries}


@torch.inference_mode()
def logits(model: Any) -> Tensor:
    result: Tensor = model(torch.arange(2, 40)[None]).logits
    return result


@pytest.mark.parametrize("method", RULES)
def test_a_checkpoint_in_shards(llamas: tuple[Path, Path, Path], tmp_path: Path, method: str) -> None:
    from transformers import LlamaForCausalLM

    base, *adapted = llamas
    adapted = adapted[:1] if method == "direction-magnitude" else adapted
    chosen = MergeSettings(weight=0.6)
    summary = merge_checkpoints(base, adapted, tmp_path / "out", method=method, settings=chosen)
    expected = merge_state_dicts(state(base), [state(folder) for folder in adapted], method=method, settings=chosen)
    merged = state(tmp_path / "out")
    assert merged.keys() == expected.keys()
    assert all(torch.equal(merged[name], expected[name]) for name in merged)
    assert not any(torch.equal(merged[name], tensor) for name, tensor in state(adapted[0]).items())
    assert set(summary.merged) == merged.keys()
    assert not summary.kept
    assert summary.parameters == sum(tensor.numel() for tensor in merged.values())

    loaded, report = LlamaForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(report.values())
    by_hand = make_llama(0)
    by_hand.load_state_dict(expected)
    assert torch.equal(logits(loaded.eval()), logits(by_hand))
    assert not torch.allclose(logits(loaded), logits(make_llama(1)), atol=0.1)


def test_weights_zero_and_one_are_the_models(llamas: tuple[Path, Path, Path], tmp_path: Path) -> None:
    base, adapted, _ = llamas
    for weight, folder in ((0, base), (1, adapted)):
        out = tmp_path / str(weight)
        merge_checkpoints(base, [adapted], out, method="linear", settings=MergeSettings(weight=weight))
        assert all(torch.equal(tensor, state(folder)[name]) for name, tensor in state(out).items())
    shards = WeightFiles(adapted).files
    assert [(tmp_path / "1" / file).read_bytes() for file in shards] == [
        (adapted / file).read_bytes() for file in shards
    ]


def test_only_the_language_model_of_a_vision_language_model(fresh: Callable[[], Any], tmp_path: Path) -> None:
    from transformers import AutoProcessor

    from passerelle.models.pretrained import load_pretrained

    base, adapted = fresh(), fresh()
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in adapted.model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    for model, name in ((base, "base"), (adapted, "adapted")):
        model.model.save_pretrained(tmp_path / name, max_shard_size="40KB")
        model.processor.save_pretrained(tmp_path / name)
    (tmp_path / "adapted" / "README.md").write_text("another model's card")
    (tmp_path / "adapted" / "adapter_config.json").write_text("{}")
    pattern = pattern_in_files(adapted.model, LANGUAGE_MODEL)
    summary = merge_checkpoints(
        tmp_path / "base", [tmp_path / "adapted"], tmp_path / "out", method="linear", pattern=pattern
    )
    before, after, merged = (state(tmp_path / name) for name in ("base", "adapted", "out"))
    for name, tensor in merged.items():
        if name.startswith("model.language_model."):
            torch.testing.assert_close(tensor, (before[name] + after[name]) / 2)
        else:
            assert torch.equal(tensor, after[name])
            assert name in summary.kept
    assert {name.split(".")[1] for name in summary.kept} == {"vision_tower", "multi_modal_projector"}

    ours, theirs = ({path.name for path in (tmp_path / name).iterdir()} for name in ("out", "adapted"))
    assert theirs - ours == {"README.md", "adapter_config.json"}
    assert {"config.json", "tokenizer.json", "processor_config.json", "chat_template.jinja", INDEX} <= ours
    loaded = load_pretrained(tmp_path / "out", dtype="float32")
    weight = loaded.model.model.language_model.layers[0].mlp.up_proj.weight
    assert torch.equal(weight, merged["model.language_model.layers.0.mlp.up_proj.weight"])
    ours, theirs = (model.model.model.multi_modal_projector.linear_1.weight for model in (loaded, adapted))
    assert torch.equal(ours, theirs)
    again = AutoProcessor.from_pretrained(tmp_path / "out")
    assert again.chat_template == adapted.processor.chat_template


def test_bf16_is_computed_in_fp32() -> None:
    generator = torch.Generator().manual_seed(1)
    base, adapted = (torch.randn(40, 60, generator=generator).bfloat16() for _ in range(2))
    for method in RULES:
        for mixed in (base, base.float()):  # the first adapted model's dtype counts
            merged = merge_tensor("w", mixed, [adapted], method, MergeSettings(weight=0.7))
            wide = merge_tensor("w", base.float(), [adapted.float()], method, MergeSettings(weight=0.7))
            assert merged.dtype == torch.bfloat16
            assert torch.equal(merged, wide.bfloat16())


def test_fp64_stays_exact() -> None:
    base, adapted = torch.zeros(3, dtype=torch.float64), torch.full((3,), 1 + 1e-12, dtype=torch.float64)
    assert torch.equal(merge_tensor("w", base, [adapted], "linear", MergeSettings(weight=1)), adapted)


def test_tables_of_whole_numbers_stay() -> None:
    table = torch.arange(4)
    assert torch.equal(merge_tensor("positions", table, [table.clone()], "dare", MergeSettings()), table)
    with pytest.raises(InputError, match=r"can't merge 'positions': it is int64 in the base"):
        merge_tensor("positions", table, [table + 1], "dare", MergeSettings())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("where", "label"), [(0, "the base"), (1, "adapted model 1"), (2, "adapted model 2")])
def test_values_that_arent_finite(value: float, where: int, label: str) -> None:
    tensors = [torch.ones(2, 2) for _ in range(3)]
    tensors[where][1, 0] = value
    with pytest.raises(InputError, match=rf"can't merge 'x.weight': it has values that aren't finite in {label};"):
        merge_tensor("x.weight", tensors[0], tensors[1:], "linear", MergeSettings())


def test_values_that_grow_too_large() -> None:
    base, adapted = torch.zeros(2, dtype=torch.float16), torch.full((2,), 60000.0, dtype=torch.float16)
    with pytest.raises(InputError, match=r"merging 'w' gives values too large for torch.float16"):
        merge_tensor("w", base, [adapted], "linear", MergeSettings(weight=1.5))


def test_quantised_weights() -> None:
    weights = torch.ones(2, 2).to(torch.float8_e4m3fn)
    with pytest.raises(
        InputError, match=r"can't merge 'w': it is float8_e4m3fn in the base; save the model in bfloat16"
    ):
        merge_tensor("w", weights, [weights], "linear", MergeSettings())


ONE = {"a": torch.ones(2, 2), "b": torch.ones(3)}


@pytest.mark.parametrize(
    ("base", "adapted", "pattern", "message"),
    [
        ({"a": ONE["a"]}, [ONE], None, r"can't merge 'b': the base has no such tensor"),
        (ONE, [{"a": ONE["a"]}], None, r"can't merge 'b': only the base has it, not the adapted model"),
        (ONE, [ONE, {"b": ONE["b"]}], None, r"can't merge 'a': adapted model 2 has no such tensor"),
        (
            ONE,
            [ONE, {**ONE, "c": ONE["b"]}],
            None,
            r"can't merge 'c': only adapted model 2 has it, not adapted model 1",
        ),
        (
            {**ONE, "b": torch.ones(4)},
            [ONE],
            None,
            r"can't merge 'b': its shape is \[4\] in the base but \[3\] in the ad",
        ),
        (ONE, [ONE], "x.*", r"no tensor of the adapted model matches 'x\.\*' in full; a name there is 'a'"),
        (ONE, [ONE], "(", r"pattern '\(' isn't a regular expression"),
        (ONE, [], None, r"nothing to merge: give one adapted model or more"),
    ],
)
def test_models_that_dont_match(base: Any, adapted: Any, pattern: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        merge_state_dicts(base, adapted, method="linear", pattern=pattern)
    assert "\n" not in str(caught.value)


def test_what_doesnt_match_the_pattern_may_differ() -> None:
    adapted = {**ONE, "ab": ONE["b"]}  # "a" matches its beginning only
    merged = merge_state_dicts({"a": torch.zeros(2, 2)}, [adapted], method="linear", pattern="a")
    assert merged["a"].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert merged["b"] is ONE["b"]


@pytest.mark.parametrize(
    ("method", "chosen", "message"),
    [
        ("tie", {}, r"unknown way to merge 'tie'. Did you mean 'ties'\?"),
        ("linear", {"density": 0.3}, r"linear has no setting 'density'; it takes weight, shares\."),
        ("ties", {"seed": 3}, r"ties has no setting 'seed'; it takes weight, shares, density"),
        ("linear", {"shares": (1.0,)}, r"shares \[1.0\] must be 2 numbers above zero"),
        ("linear", {"shares": (1.0, 0.0)}, r"must be 2 numbers above zero"),
        ("linear", {"shares": (1.0, float("nan"))}, r"must be 2 numbers above zero"),
        ("direction-magnitude", {}, r"direction-magnitude merges one adapted model, not 2"),
    ],
)
def test_settings_that_dont_go_together(method: str, chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        merge_state_dicts(ONE, [ONE, ONE], method=method, settings=MergeSettings(**chosen))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"weight": 1.5}, r"direction-magnitude takes a weight from 0 to 1, not 1.5"),
        ({"token_tables": "("}, r"token_tables '\(' isn't a regular expression"),
    ],
)
def test_settings_of_direction_and_magnitude(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        merge_state_dicts(ONE, [ONE], method="direction-magnitude", settings=MergeSettings(**chosen))


def test_memory_holds_one_tensor_of_each_model(
    llamas: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = reads = 0
    read = WeightFiles.read

    def counted(self: WeightFiles, name: str) -> Tensor:
        nonlocal most, reads
        tensor = read(self, name)
        alive.add(tensor)
        most, reads = max(most, len(alive)), reads + 1
        return tensor

    monkeypatch.setattr(WeightFiles, "read", counted)
    base, *adapted = llamas
    summary = merge_checkpoints(base, adapted, tmp_path / "out", method="ties")
    assert reads == 3 * len(summary.merged)
    assert most == 3


def test_a_merge_that_fails_leaves_nothing(llamas: tuple[Path, Path, Path], tmp_path: Path) -> None:
    base, adapted, _ = llamas
    bad = tmp_path / "bad"
    make_llama(3).save_pretrained(bad)
    weights = load_file(bad / SINGLE_FILE)
    last = WeightFiles(adapted).files[-1]
    name = next(name for name, entry in WeightFiles(adapted).entries.items() if entry.file == last)
    weights[name].view(-1)[0] = float("nan")
    save_file(weights, bad / SINGLE_FILE, metadata={"format": "pt"})
    with pytest.raises(InputError, match=rf"can't merge '{name}'"):
        merge_checkpoints(base, [adapted, bad], tmp_path / "out", method="linear")
    assert [path.name for path in tmp_path.iterdir()] == ["bad"]


def test_the_place_to_write(llamas: tuple[Path, Path, Path], tmp_path: Path) -> None:
    base, adapted, _ = llamas
    before = (adapted / WeightFiles(adapted).files[0]).read_bytes()
    for taken in (adapted, base / "config.json"):
        with pytest.raises(InputError, match=r"exists already: name another folder, or delete it"):
            merge_checkpoints(base, [adapted], taken, method="linear")
    assert (adapted / WeightFiles(adapted).files[0]).read_bytes() == before
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "new" / "deep"):
        merge_checkpoints(base, [adapted], place, method="linear")
        assert json.loads((place / "config.json").read_text())["model_type"] == "llama"


def test_pickles_are_refused(llamas: tuple[Path, Path, Path], tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    with pytest.raises(InputError, match="a pickle, which may run code"):
        merge_checkpoints(llamas[0], [tmp_path / "old"], tmp_path / "out", method="linear")


def test_an_index_beside_a_single_file_isnt_copied(tmp_path: Path) -> None:
    for name in ("base", "adapted"):
        make_llama(len(name)).save_pretrained(tmp_path / name)
    (tmp_path / "adapted" / INDEX).write_text('{"weight_map": {"x": "gone.safetensors"}}')
    merge_checkpoints(tmp_path / "base", [tmp_path / "adapted"], tmp_path / "out", method="linear")
    assert not (tmp_path / "out" / INDEX).exists()
    assert (tmp_path / "out" / SINGLE_FILE).is_file()


def test_more_chat_templates_are_copied(tmp_path: Path) -> None:
    for name in ("base", "adapted"):
        make_llama(len(name)).save_pretrained(tmp_path / name)
    (tmp_path / "adapted" / merging.TEMPLATES).mkdir()
    (tmp_path / "adapted" / merging.TEMPLATES / "tool_use.jinja").write_text("{{ x }}")
    merge_checkpoints(tmp_path / "base", [tmp_path / "adapted"], tmp_path / "out", method="linear")
    assert (tmp_path / "out" / merging.TEMPLATES / "tool_use.jinja").read_text() == "{{ x }}"
