"""A model built on our tower is an ordinary LLaVA for whoever imports the tower alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from PIL import Image

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import passerelle.example.image_processing
import torch
from PIL import Image
from transformers import AutoProcessor, LlavaForConditionalGeneration

folder, picture = sys.argv[1:]
model = LlavaForConditionalGeneration.from_pretrained(folder).eval()
processor = AutoProcessor.from_pretrained(folder)
messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "image"}]}]
text = processor.apply_chat_template(messages, add_generation_prompt=True)
inputs = processor(text=text, images=Image.open(picture), return_tensors="pt")
with torch.inference_mode():
    logits = model(**inputs).logits[0, -1]
    written = model.generate(**inputs, do_sample=False, max_new_tokens=3)
print(json.dumps({
    "type": type(model.model.vision_tower).__name__,
    "ids": inputs["input_ids"][0].tolist(),
    "logits": logits.tolist(),
    "length": written.shape[1],
}))
"""


def test_a_user_who_imports_only_the_tower(tiny: Any, tmp_path: Path) -> None:
    from passerelle.models.features import compute_features
    from passerelle.models.prefix_tree import TokenSequence, collate

    folder, picture = tmp_path / "model", tmp_path / "picture.png"
    tiny.model.save_pretrained(folder)
    tiny.processor.save_pretrained(folder)
    image = Image.radial_gradient("L").convert("RGB").resize((100, 80))
    image.save(picture)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(picture)], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["type"] == "EfficientNetLiteModel"
    assert found["length"] > len(found["ids"])
    prompt = tiny.encode("What is this?", "", 0).prompt
    assert found["ids"] == list(prompt), "the processor writes the prompt that Passerelle encodes"

    features = torch.stack(compute_features(tiny, [image]))
    every = [token for token in range(len(tiny.tokenizer)) if token != tiny.image_token]
    sequences = [TokenSequence(prompt, (token,), 0) for token in every]
    with torch.inference_mode():
        logprobs = tiny.target_logprobs(collate([sequences], tiny.image_token, tiny.end_token), features)
    expected = torch.tensor(found["logits"]).log_softmax(0)[every]
    # The cached features are kept in bf16.
    torch.testing.assert_close(logprobs, expected, rtol=0, atol=2e-3)
