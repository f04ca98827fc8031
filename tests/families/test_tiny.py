"""The tiny models of every family behave as the real ones: processors, templates, features, padding, masks."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from families.models import TEMPLATES
from families.tiny import FAMILIES, IN_A_GRID, SEES_AHEAD, build, folder_of
from passerelle.models.families import families
from passerelle.models.pixels import taken_names

# What a processor gives besides input_ids, attention_mask and pixel_values, when there is a picture.
MORE_INPUTS = {
    "llava_next": {"image_sizes"},
    "llava_onevision": {"image_sizes", "batch_num_images"},
    "paligemma": {"token_type_ids", "labels"},
    "gemma3": {"token_type_ids"},
    "mistral3": {"image_sizes"},
    "idefics3": {"pixel_attention_mask"},
    "smolvlm": {"pixel_attention_mask"},
    "gemma4": {"image_position_ids", "mm_token_type_ids"},
    "gemma4_unified": {"image_position_ids", "mm_token_type_ids"},
    "lfm2_vl": {"pixel_attention_mask", "spatial_shapes"},
    "molmo2": {"image_token_pooling", "image_grids", "image_num_crops", "mm_token_type_ids"},
    "minicpmv4_7": {"target_sizes", "mm_token_type_ids"},
    **dict.fromkeys(IN_A_GRID, {"image_grid_thw", "mm_token_type_ids"}),
}
# Whose features are one tensor for all tiles of all pictures [tiles, tokens, hidden]; the others' are one tensor
# [tokens, hidden] for each picture.
STACKED = {"llama4", "ovis2", "cohere2_vision", "fast_vlm", "paligemma", "gemma3", "internvl", "aya_vision"}
# The rendered end of a turn.
ENDS = {
    "llava": "sea. ",
    "fast_vlm": "sea.<|im_end|>\n",
    "llava_next": "sea.</s> ",
    "llava_onevision": "sea.<|im_end|>",
    "gemma3": "sea.<end_of_turn>\n",
    "internvl": "sea.<|im_end|>\n",
    "mistral3": "sea.</s>",
    "aya_vision": "sea.<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
    "idefics3": "sea.<end_of_utterance>\n",
    "smolvlm": "sea.<end_of_utterance>\n",
    "qwen2_vl": "sea.<|im_end|>\n",
    "qwen2_5_vl": "sea.<|im_end|>\n",
    "qwen3_vl": "sea.<|im_end|>\n",
    "qwen3_vl_moe": "sea.<|im_end|>\n",
    "qwen3_5": "sea.<|im_end|>\n",
    "qwen3_5_moe": "sea.<|im_end|>\n",
    "glm4v": "sea.",
    "glm46v": "sea.",
    "gemma4": "sea.<turn|>\n",
    "ovis2": "sea.<|im_end|>\n",
    "cohere2_vision": "sea.<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
    "llama4": "sea.<|eot|>",
    "gemma4_unified": "sea.<turn|>\n",
    "lfm2_vl": "sea.<|im_end|>\n",
    "molmo2": "sea.",
    "minicpmv4_7": "sea.<|im_end|>\n",
}
# Whose published templates have other white space in a turn than where an answer is asked for, or ask with an empty
# thought that they don't show.
ASKED_OTHERWISE = {"llava_onevision", "molmo2", "gemma4_unified"}
# Whose published template shows what is said to its readers as it is given, so that it must be a text.
GIVEN_TEXTS = {"glm4v"}
ANSWER = "A red boat on the sea."

# PaliGemma's processor makes a numpy array of a tensor, in a way that numpy means to change.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@dataclass
class Loaded:
    """A family's tiny model and processor, loaded as users load theirs."""

    name: str
    folder: Path
    model: Any
    processor: Any

    def encode(self, *turns: tuple[Any, str], answer: str | None = ANSWER) -> dict[str, Any]:
        """Encode rows of a picture (or none) and a question, padded on the right."""
        options = {"padding": True, "padding_side": "right"}
        if self.name == "paligemma":
            return dict(
                self.processor(
                    images=[picture for picture, _ in turns],
                    text=[f"<image>{question}" for _, question in turns],
                    suffix=None if answer is None else [answer] * len(turns),
                    return_tensors="pt",
                    **options,
                )
            )
        conversations = [self.turns(picture, question, answer) for picture, question in turns]
        made = dict(
            self.processor.apply_chat_template(
                conversations,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                add_generation_prompt=answer is None,
                processor_kwargs=options,
            )
        )
        # Llama 4's processor gives bf16.
        return {name: value.float() if value.is_floating_point() else value for name, value in made.items()}

    def taken(self, outputs: Any) -> Any:
        """Return what forward takes of the features of pictures."""
        return getattr(outputs, families()[self.name].output)

    def turns(self, picture: Any, question: str, answer: str | None = ANSWER) -> list[dict[str, Any]]:
        """Return a picture (or none), a question and its answer (or none) as this family's template takes them."""
        image = [{"type": "image", "image": picture}] if picture is not None else []
        turns: list[dict[str, Any]] = [{"role": "user", "content": [*image, {"type": "text", "text": question}]}]
        said: Any = answer if self.name in GIVEN_TEXTS else [{"type": "text", "text": answer}]
        return turns + ([{"role": "assistant", "content": said}] if answer else [])

    def features(self, inputs: dict[str, Any]) -> Any:
        """Compute the features of the pictures in `inputs`."""
        taken = taken_names(self.model) & set(inputs)
        with torch.no_grad():
            return self.model.get_image_features(**{key: inputs[key] for key in taken})

    def logits(self, inputs: dict[str, Any], **more: Any) -> torch.Tensor:
        """Compute logits [batch, tokens, vocabulary]."""
        with torch.no_grad():
            logits: torch.Tensor = self.model(**without(inputs, "labels"), **more).logits
        return logits


def without(inputs: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key not in keys}


def photo(seed: int, width: int = 90, height: int = 60) -> Image.Image:
    """Draw soft coloured spots."""
    spots = np.random.default_rng(seed).integers(0, 256, (height // 6, width // 6, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize((width, height), Image.Resampling.BICUBIC)


def close(one: torch.Tensor, other: torch.Tensor, tolerance: float = 1e-4) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Compute in one thread: for models this small more only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Iterator[Loaded]:
    """Each family in turn."""
    folder = folder_of(request.param)
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    yield Loaded(request.param, folder, model, AutoProcessor.from_pretrained(folder))


def test_it_is_small_and_of_its_family(family: Loaded) -> None:
    assert family.model.config.model_type == family.name
    assert family.model.dtype == torch.float32
    assert sum(path.stat().st_size for path in family.folder.iterdir()) < 1_000_000
    assert family.processor.tokenizer.padding_side == "right"


def test_the_configuration_names_the_tokens_of_the_tokenizer(family: Loaded) -> None:
    tokenizer, config = family.processor.tokenizer, family.model.config
    inner = config.text_config
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        assert getattr(inner, name) == getattr(tokenizer, name), name
    assert inner.pad_token_id is not None
    assert inner.eos_token_id is not None
    assert inner.vocab_size == len(tokenizer)
    ends = family.model.generation_config.eos_token_id
    assert inner.eos_token_id in (ends if isinstance(ends, list) else [ends])
    inputs = family.encode((photo(1), "What is this?"))
    assert (inputs["input_ids"] == config.image_token_id).any()
    assert int(inputs["input_ids"].max()) < len(tokenizer)


def test_the_template_renders_both_sides(family: Loaded) -> None:
    if family.name == "paligemma":
        assert family.processor.chat_template is None
        return
    render = family.processor.apply_chat_template
    rendered = render(family.turns(photo(1), "What is this?"))
    assert rendered.endswith(ENDS[family.name])
    assert rendered.index("What is this?") < rendered.index(ANSWER)
    asked = render(family.turns(photo(1), "What is this?", None), add_generation_prompt=True)
    assert rendered.startswith(asked) == (family.name not in ASKED_OTHERWISE)
    assert "for the tests" not in rendered + asked
    assert family.processor.chat_template == (TEMPLATES / f"{family.name}.jinja").read_text(encoding="utf-8")


def test_what_the_processor_gives(family: Loaded) -> None:
    given = family.encode((photo(1), "What is this?"))
    assert set(given) - {"input_ids", "attention_mask", "pixel_values"} == MORE_INPUTS.get(family.name, set())
    tokenizer = family.processor.tokenizer
    bos = tokenizer.bos_token_id
    assert bos in (None, tokenizer.eos_token_id) or int((given["input_ids"] == bos).sum()) == 1


def test_a_conversation_without_a_picture(family: Loaded) -> None:
    if family.name == "paligemma":
        with pytest.raises(ValueError, match="`images` are expected"):
            family.processor(text="What is this?", return_tensors="pt")
        return
    inputs = family.encode((None, "What is this?"))
    assert "pixel_values" not in inputs
    assert not (inputs["input_ids"] == family.model.config.image_token_id).any()
    assert torch.isfinite(family.logits(inputs)).all()


def test_the_loss_reaches_all_parts(family: Loaded) -> None:
    inputs = family.encode((photo(1), "What is this?"))
    labels = inputs["input_ids"].masked_fill(inputs["input_ids"] == family.model.config.image_token_id, -100)
    family.model.zero_grad()
    loss = family.model(**without(inputs, "labels"), labels=labels).loss
    loss.backward()
    assert 1 < float(loss.detach()) < 30
    tower, decoder = family.model.get_encoder("image"), family.model.get_decoder()
    for part in (tower, decoder):
        largest = max(float(value.grad.abs().max()) for value in part.parameters() if value.grad is not None)
        assert largest > 1e-6
    family.model.zero_grad()


def test_every_token_of_a_picture_has_its_features(family: Loaded) -> None:
    inputs = family.encode((photo(1), "What is this?"), (photo(2, 60, 60), "And this, then?"))
    features = family.taken(family.features(inputs))
    assert isinstance(features, torch.Tensor) == (family.name in STACKED)
    rows = list(features.flatten(0, -2) if family.name in STACKED else torch.cat(list(features)))
    expected = (inputs["input_ids"] == family.model.config.image_token_id).sum(-1)
    assert len(rows) == int(expected.sum())
    assert rows[0].shape == (family.model.config.text_config.hidden_size,)
    if family.name not in STACKED and len(features) == len(expected):  # else there is one for each crop
        assert [len(one) for one in features] == expected.tolist()


def test_pictures_matter(family: Loaded) -> None:
    one, other = (family.logits(family.encode((photo(seed), "What is this?"))) for seed in (1, 2))
    assert float((one[:, -1] - other[:, -1]).abs().max()) > 1e-3


def test_padding_changes_nothing(family: Loaded) -> None:
    turns = (photo(1), "What is this?"), (photo(2, 60, 60), "What can be seen in this picture, and where is it?")
    inputs = family.encode(*turns)
    together = family.logits(inputs)
    lengths = inputs["attention_mask"].sum(-1).tolist()
    assert lengths[0] != lengths[1]
    for row, turn in enumerate(turns):
        alone = family.encode(turn)
        assert inputs["input_ids"][row, : lengths[row]].tolist() == alone["input_ids"][0].tolist()
        close(together[row, : lengths[row]], family.logits(alone)[0])


def test_rows_with_and_without_a_picture(family: Loaded) -> None:
    if family.name == "paligemma":
        pytest.skip("PaliGemma's processor takes no row without a picture")
    turns = (photo(1), "What is this?"), (None, "What is a boat?")
    inputs = family.encode(*turns)
    together = family.logits(inputs)
    for row, length in enumerate(inputs["attention_mask"].sum(-1).tolist()):
        close(together[row, :length], family.logits(family.encode(turns[row]))[0])


def test_it_answers(family: Loaded) -> None:
    inputs = without(family.encode((photo(1), "What is this?"), answer=None), "labels")
    written = family.model.generate(**inputs, max_new_tokens=3, min_new_tokens=3, do_sample=False)
    assert written.shape[1] == inputs["input_ids"].shape[1] + 3
    assert isinstance(family.processor.tokenizer.decode(written[0, -3:]), str)


def test_features_computed_before_give_the_same_logits(family: Loaded) -> None:
    inputs = family.encode((photo(1), "What is this?"), (photo(2, 60, 60), "And this, then?"))
    known = {"image": family.features(inputs)}
    close(family.logits(without(inputs, "pixel_values"), mm_encoder_outputs=known), family.logits(inputs))
    # What describes the pixels isn't needed then, except Qwen's grids, which give the places of a picture's tokens.
    bare = without(inputs, "pixel_values", "pixel_attention_mask", "image_sizes", "batch_num_images")
    close(family.logits(bare, mm_encoder_outputs=known), family.logits(inputs))
    other = {
        "image": family.features(family.encode((photo(3), "What is this?"), (photo(4, 60, 60), "And this, then?")))
    }
    assert not torch.allclose(family.logits(bare, mm_encoder_outputs=other), family.logits(inputs), atol=1e-3)


def join(family: Loaded, outputs: list[Any]) -> Any:
    """Join the features of several calls, as a batch of all their pictures would have them."""
    joined = copy.copy(outputs[0])
    taken = [family.taken(one) for one in outputs]
    stacked = isinstance(taken[0], torch.Tensor)
    setattr(
        joined,
        families()[family.name].output,
        torch.cat(taken) if stacked else [part for parts in taken for part in parts],
    )
    if "deepstack_features" in joined:
        # A list of layers, each with one tensor [tokens, hidden] for each picture.
        layers = zip(*(one.deepstack_features for one in outputs), strict=True)
        joined.deepstack_features = [[part for parts in layer for part in parts] for layer in layers]
    return joined


def test_features_of_single_pictures_serve_a_batch(family: Loaded) -> None:
    turns = (photo(1), "What is this?"), (photo(2, 60, 60), "And this, then?")
    inputs = family.encode(*turns)
    joined = join(family, [family.features(family.encode(turn)) for turn in turns])
    logits = family.logits(without(inputs, "pixel_values"), mm_encoder_outputs={"image": joined})
    close(logits, family.logits(inputs))


def test_logits_at_chosen_places(family: Loaded) -> None:
    inputs = family.encode((photo(1), "What is this?"), (photo(2, 60, 60), "And this, then?"))
    chosen = torch.zeros_like(inputs["input_ids"], dtype=torch.bool)
    chosen[0, -5:-2] = True
    chosen[1, 1] = True
    logits = family.logits(inputs, logits_to_keep=chosen)
    assert logits.shape == (4, family.model.config.text_config.vocab_size)
    close(logits, family.logits(inputs)[chosen])


def test_which_tokens_see_ahead(family: Loaded) -> None:
    inputs = family.encode((photo(1), "What is this?"))
    places = (inputs["input_ids"][0] == family.model.config.image_token_id).nonzero()[:, 0].tolist()
    before = family.logits(inputs)[0]
    # The last feature of the picture, seen from the picture's first token.
    changed = copy.deepcopy(family.features(inputs))
    family.taken(changed)[-1][-1] *= -1
    after = family.logits(without(inputs, "pixel_values"), mm_encoder_outputs={"image": changed})[0]
    assert not torch.allclose(after[places[-1]], before[places[-1]], atol=1e-3)
    moved = float((after[places[0]] - before[places[0]]).abs().max())
    assert (moved > 1e-4) == (family.name in SEES_AHEAD)
    # The token after the picture, and one of the answer, seen from the picture's last token.
    for place, sees in ((places[-1] + 4, family.name == "paligemma"), (-3, False)):
        ids = inputs["input_ids"].clone()
        ids[0, place] = (ids[0, place] + 1) % 300
        after = family.logits({**inputs, "input_ids": ids})[0]
        assert not torch.allclose(after[place], before[place], atol=1e-3)
        assert (float((after[places[-1]] - before[places[-1]]).abs().max()) > 1e-4) == sees


def test_seeds(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    one, same, other = (build("llava", tmp_path / name, seed) for name, seed in (("1", 0), ("2", 0), ("3", 1)))
    assert torch.equal(before, torch.random.get_rng_state())
    weights = [(folder / "model.safetensors").read_bytes() for folder in (one, same, other)]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]
