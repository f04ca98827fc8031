"""Weights that aren't those that a model or adapter needs are an error that names them; broken files, a clear line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from benchmark_files import write_spots
from families.tiny import build
from passerelle.errors import InputError, MissingDependency
from passerelle.evaluation.asking.members import LocalModel
from passerelle.models.conversing import Encoder
from passerelle.models.pretrained import check_pretrained, load_adapted, load_pretrained
from passerelle.records import Question

Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, one whose head is tied to its embeddings, and an adapter on the first."""
    from peft import LoraConfig, get_peft_model

    folder = tmp_path_factory.mktemp("made")
    build("llava", folder / "model")
    build("fast_vlm", folder / "tied")
    build("qwen2_vl", folder / "qwen")
    base: Any = AutoModelForImageTextToText.from_pretrained(folder / "model")
    config = LoraConfig(r=2, target_modules=r".*language_model.*q_proj", init_lora_weights=False)
    get_peft_model(base, config).save_pretrained(folder / "adapter")
    return folder


def test_a_processor_that_needs_torchvision_is_told_before_weights_are_read(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **options: Any) -> Any:
        raise ImportError(
            "\nLlama4ImageProcessor requires the Torchvision library but it was not found here. See\nthere."
        )

    monkeypatch.setattr("transformers.AutoProcessor.from_pretrained", refuse)
    monkeypatch.setattr("passerelle.models.pretrained.load_whole", None)
    with pytest.raises(MissingDependency, match=r"needs torchvision, which isn't installed: pip install torchvision"):
        load_pretrained(made / "model")


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return what copies one of them."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(made / name, tmp_path / name))

    return copy


def change_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def change_tensors(path: Path, change: Callable[[Tensors], Tensors]) -> None:
    save_file(change(load_file(path)), path, {"format": "pt"})


def renamed(tensors: Tensors) -> Tensors:
    return {f"other.{name}": value for name, value in tensors.items()}


def without_one(tensors: Tensors) -> Tensors:
    return {name: value for name, value in tensors.items() if name != sorted(tensors)[3]}


def with_one_more(tensors: Tensors) -> Tensors:
    return {**tensors, "added.weight": torch.zeros(3)}


def reshaped(tensors: Tensors) -> Tensors:
    name = next(name for name in sorted(tensors) if tensors[name].dim() == 2)
    return {**tensors, name: tensors[name][:-1].contiguous()}


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", ["model", "tied"])
def test_a_configuration_of_another_depth(copied: Callable[[str], Path], name: str, layers: int) -> None:
    folder = copied(name)
    change_json(folder / "config.json", lambda config: config["text_config"].update(num_hidden_layers=layers))
    with pytest.raises(InputError, match=f"{'missing' if layers == 3 else 'unexpected'}: .*layers.{min(layers, 2)}"):
        load_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (renamed, r"missing: lm_head.weight, .*, .* and \d+ more; unexpected: other"),
        (without_one, "missing: "),
        (with_one_more, "unexpected: added.weight"),
        (reshaped, r"of another shape: .*\(\["),
    ],
)
def test_weights_that_a_model_does_not_have(
    copied: Callable[[str], Path], change: Callable[[Tensors], Tensors], said: str
) -> None:
    folder = copied("model")
    change_tensors(folder / "model.safetensors", change)
    with pytest.raises(InputError, match=f"(?s)aren't those that its config.json describes: .*{said}"):
        load_pretrained(folder)


def test_a_tied_head_need_not_be_in_the_file(copied: Callable[[str], Path]) -> None:
    folder = copied("tied")
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    plain = load_pretrained(folder, dtype="float32").model
    embeddings = plain.get_input_embeddings().weight.detach().clone()
    change_tensors(folder / "model.safetensors", lambda tensors: {**tensors, "lm_head.weight": embeddings})
    both = load_pretrained(folder, dtype="float32").model
    assert torch.equal(both.get_output_embeddings().weight, embeddings)


BROKEN = [b"", b"\xff" * 40, b"{}", (10**6).to_bytes(8, "little") + b"{", (2).to_bytes(8, "little") + b"[]"]
CONFIGS = ["", "[]", "{}", "null", "7", "{", '{"model_type": 3}', '{"model_type": "llava", "text_config": "x"}', "\0"]


def broken_weights(path: Path, damage: bytes | int) -> None:
    path.write_bytes(damage if isinstance(damage, bytes) else path.read_bytes()[:damage])


@pytest.mark.parametrize("damage", [*BROKEN, 5, 100, -3])
@pytest.mark.parametrize("name", ["model", "adapter"])
def test_broken_weights(copied: Callable[[str], Path], made: Path, name: str, damage: bytes | int) -> None:
    folder = copied(name)
    broken_weights(next(folder.glob("*.safetensors")), damage)
    with pytest.raises(InputError, match=f"{name}"):
        load_adapted(folder)


@pytest.mark.parametrize("content", CONFIGS)
@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json", "processor_config.json"])
def test_broken_configurations(copied: Callable[[str], Path], file: str, content: str) -> None:
    folder = copied("model")
    (folder / file).write_text(content, encoding="utf-8")
    harmless = file != "config.json" and content in ("{}", '{"model_type": 3}', CONFIGS[-2])
    try:
        load_adapted(folder)
    except InputError as error:
        assert "model" in str(error)
    else:
        assert harmless or file != "config.json"


@pytest.mark.parametrize("token", [-1, 10**6, None, "<image>"])
def test_a_token_of_pictures_that_is_not_there(copied: Callable[[str], Path], token: object) -> None:
    folder = copied("model")
    change_json(folder / "config.json", lambda config: config.update(image_token_index=token))
    with pytest.raises(InputError, match="model"):
        Encoder(load_pretrained(folder), 100)


def test_a_tokenizer_without_an_end(copied: Callable[[str], Path]) -> None:
    folder = copied("model")
    change_json(folder / "tokenizer_config.json", lambda config: config.pop("eos_token"))
    with pytest.raises(InputError, match="names no eos_token"):
        Encoder(load_pretrained(folder), 100)


@pytest.mark.parametrize("part", ["text_config", "vision_config"])
@pytest.mark.parametrize("value", [None, {}])
def test_a_part_whose_default_is_far_larger_is_told_before_it_is_made_up(
    copied: Callable[[str], Path], part: str, value: object
) -> None:
    folder = copied("model")
    change_json(folder / "config.json", lambda config: config.update({part: value}))
    with pytest.raises(InputError, match="describes a model of [0-9,]+ numbers, but .*is missing or another model's"):
        load_pretrained(folder)


@pytest.mark.parametrize("name", ["bos_token_id", "eos_token_id", "pad_token_id"])
@pytest.mark.parametrize("value", ["</s>", {}, 1.5, True, ["</s>"]])
def test_token_ids_that_are_no_numbers(copied: Callable[[str], Path], name: str, value: object) -> None:
    folder = copied("model")
    for file, within in (("config.json", ""), ("config.json", "text_config"), ("generation_config.json", "")):
        kept = (folder / file).read_text(encoding="utf-8")
        change_json(folder / file, lambda content, w=within: (content[w] if w else content).update({name: value}))
        for load in (load_pretrained, check_pretrained):
            with pytest.raises(InputError, match=f"{name} in .*{file}' is .*, not the number of a token"):
                load(folder)
        (folder / file).write_text(kept, encoding="utf-8")


PROCESSORS: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("model", lambda c: c["image_processor"].update(crop_size={"height": 56, "width": 56}), r"\(56\*56\)"),
    ("model", lambda c: c.update(patch_size=14), "makes 4 tokens of a picture, the model's tower 16"),
    ("model", lambda c: c.update(patch_size=None), "NoneType"),
    ("model", lambda c: c.update(num_additional_image_tokens=5), "makes 20 tokens"),
    ("qwen", lambda c: c["image_processor"].update(patch_size=16), "shape"),
    ("qwen", lambda c: c["image_processor"].update(merge_size=1), "shape|tokens"),
]


@pytest.mark.parametrize(("name", "change", "said"), PROCESSORS)
def test_a_processor_of_another_model(
    copied: Callable[[str], Path], name: str, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    folder = copied(name)
    change_json(folder / "processor_config.json", change)
    model = LocalModel(load_pretrained(folder, dtype="float32"))
    asked = Question("q", "open", "a", "", "en", "native", "What is this?")
    picture = write_spots(folder / "a.png", 1)
    with pytest.raises(InputError, match=f"doesn't fit its own model: .*({said}).* Take processor_config.json"):
        model.answer([asked], {"a": picture}, 3)


@pytest.mark.parametrize("template", ["{{ messages[", "{{ raise_exception('no') }}", "{{ 1 / 0 }}", ""])
@pytest.mark.parametrize("options", [(), ("Yes", "No")])
def test_a_broken_chat_template(copied: Callable[[str], Path], template: str, options: tuple[str, ...]) -> None:
    folder = copied("model")
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    model = LocalModel(load_pretrained(folder, dtype="float32"))
    picture = write_spots(folder / "a.png", 1)
    for key in ("", "a"):
        asked = Question("q", "choice" if options else "open", key, "", "en", "native", "What is this?", options)
        with pytest.raises(InputError, match="template|mark"):
            model.answer([asked], {"a": picture}, 3)


@pytest.mark.parametrize("content", [*CONFIGS, '{"peft_type": "LORA"}', '{"peft_type": "NO"}', '{"peft_type": 1}'])
def test_broken_configurations_of_an_adapter(copied: Callable[[str], Path], content: str) -> None:
    folder = copied("adapter")
    (folder / "adapter_config.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="the adapter in"):
        load_adapted(folder)


@pytest.mark.parametrize("elsewhere", ["../model/model.safetensors", "/tmp/x.safetensors", "gone.safetensors", 3])
def test_an_index_that_names_files_elsewhere(copied: Callable[[str], Path], elsewhere: Any) -> None:
    folder = copied("model")
    names = list(load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    index = folder / "model.safetensors.index.json"
    places: dict[str, Any] = dict.fromkeys(names, "model-1.safetensors")
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}), encoding="utf-8")
    load_pretrained(folder)
    index.write_text(json.dumps({"metadata": {}, "weight_map": {**places, names[0]: elsewhere}}), encoding="utf-8")
    with pytest.raises(InputError, match="names .*(only safetensors files beside it|isn't there)"):
        load_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda tensors: {n.replace("language_model", "text_model"): t for n, t in tensors.items()},
            "missing: .*unexp",
        ),
        (without_one, "missing: .*lora_"),
        (with_one_more, "unexpected: .*added"),
        (reshaped, "size mismatch|another shape"),
        (renamed, "missing"),
    ],
)
def test_an_adapter_that_would_not_act(
    copied: Callable[[str], Path], change: Callable[[Tensors], Tensors], said: str
) -> None:
    folder = copied("adapter")
    change_tensors(folder / "adapter_model.safetensors", change)
    with pytest.raises(InputError, match=f"(?s)the adapter in .*doesn't fit its base.*({said})"):
        load_adapted(folder)


def test_an_adapter_on_another_base(copied: Callable[[str], Path], made: Path) -> None:
    folder = copied("adapter")
    change_json(folder / "adapter_config.json", lambda c: c.update(base_model_name_or_path=str(made / "tied")))
    load_adapted(folder)  # of the same shapes
    change_json(folder / "adapter_config.json", lambda c: c.update(target_modules="nothing"))
    with pytest.raises(InputError, match="doesn't fit its base"):
        load_adapted(folder)


def test_an_adapter_acts(made: Path) -> None:
    plain, adapted = (load_adapted(made / name, dtype="float32").model for name in ("model", "adapter"))
    merged = load_adapted(made / "adapter", dtype="float32").model.merge_and_unload()
    ids = torch.arange(20)[None]
    with torch.no_grad():
        before, after, inside = (model(input_ids=ids).logits for model in (plain, adapted, merged))
    assert (before - after).abs().max() > 1e-3
    torch.testing.assert_close(after, inside, rtol=0, atol=1e-4)
