"""The embedded base and an adapter on it are read by transformers and PEFT alone, on a machine without Passerelle."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import load_adaptation
from passerelle.example import embedded
from passerelle.formats.conversations import Conversation, Message
from passerelle.models.conversing import Encoder
from passerelle.models.pretrained import PretrainedModel, load_adapted, load_pretrained
from passerelle.models.replying import reply
from passerelle.models.vision_cache import VisionFeatures

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import torch
from peft import PeftModel
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

base, adapter, picture, question = sys.argv[1:]
model = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained(base)
messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
text = processor.apply_chat_template(messages, add_generation_prompt=True)
inputs = processor(text=text, images=Image.open(picture), return_tensors="pt")

def answer():
    with torch.inference_mode():
        written = model.generate(**inputs, do_sample=False, max_new_tokens=12)
    return processor.decode(written[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True).strip()

types = [type(model).__name__, type(model.model.vision_tower).__name__, type(processor).__name__]
said = [answer()]
if adapter:
    model = PeftModel.from_pretrained(model, adapter).eval()
    said.append(answer())
assert "passerelle" not in sys.modules
print(json.dumps({"types": types, "said": said, "ids": inputs["input_ids"][0].tolist()}))
"""
QUESTION = "What is this?"


def plain(base: Path, adapter: Path | str, picture: Path) -> dict[str, Any]:
    """Return what a program without Passerelle finds."""
    # -P: nothing of the folder that the tests run in is imported by chance.
    command = [sys.executable, "-P", "-c", SCRIPT, str(base), str(adapter), str(picture), QUESTION]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def said(pretrained: PretrainedModel, picture: Path) -> str:
    """Return what Passerelle makes the model say."""
    asked = Conversation("", (Message("user", (None, QUESTION)),), (picture,), "en", "native")
    return reply(Encoder(pretrained, 1000), VisionFeatures(pretrained, None, {"tower"}), [asked], 12)[0]


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.radial_gradient("L").convert("RGB").save(path)
    return path


def test_an_adapter_on_the_embedded_base(tmp_path: Path, picture: Path) -> None:
    row = {"id": "1", "image": "picture.png"}
    turns = [{"from": "human", "value": f"<image>\n{QUESTION}"}, {"from": "gpt", "value": "Un cercle noir."}]
    data = picture.with_name("fr.json")
    data.write_text(json.dumps([{**row, "conversations": turns}]), encoding="utf-8")
    path = tmp_path / "adapt.yaml"
    path.write_text(
        json.dumps(
            {
                "model_name_or_path": "embedded",
                "output_dir": str(tmp_path / "out"),
                "language": "fr",
                "data": [{"path": str(data), "language": "fr"}],
                "max_steps": 6,
                "per_device_train_batch_size": 1,
                "learning_rate": 0.002,
                "dtype": "float32",
            }
        ),
        encoding="utf-8",
    )
    adapter = Path(adapt(load_adaptation(path))["outputs"]["adapter"])

    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "embedded", "no folder of this machine"
    assert "passerelle base assemble" in (adapter / "README.md").read_text(encoding="utf-8")

    base, adapted = load_pretrained("embedded", dtype="float32"), load_adapted(adapter, dtype="float32")
    found = plain(embedded.assemble(), adapter, picture)
    assert found["types"] == ["FastVlmForConditionalGeneration", "EfficientNetModel", "LlavaProcessor"]
    assert found["said"] == [said(base, picture), said(adapted, picture)]
    assert found["said"][0] and found["said"][0] != found["said"][1] == "Un cercle noir."
    assert found["ids"].count(base.image_token) == 4
