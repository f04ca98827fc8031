"""What was adapted goes to the Hub when asked for, and only then; a refusal loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import AdaptSettings
from passerelle.errors import ConfigError, UserError

Make = Callable[..., AdaptSettings]


class FakeHub:
    """Notes what would be sent."""

    calls: list[tuple[str, dict[str, Any]]] = []
    refuses = False

    def create_repo(self, name: str, **options: Any) -> None:
        if self.refuses:
            raise OSError("401 Unauthorized\nmore")
        self.calls.append((name, options))

    def upload_folder(self, **options: Any) -> None:
        self.calls.append((options["repo_id"], {file.name: 1 for file in Path(options["folder_path"]).iterdir()}))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> type[FakeHub]:
    monkeypatch.setattr("huggingface_hub.HfApi", FakeHub)
    monkeypatch.setattr(FakeHub, "calls", [])
    return FakeHub


def test_nothing_is_sent_unasked_and_an_adapter_when_asked(settings: Make, hub: type[FakeHub]) -> None:
    adapt(settings(max_steps=1))
    assert hub.calls == []
    adapt(settings(max_steps=1, push_to_hub="me/llava-fr"))  # done before: nothing is trained again
    (first, options), (second, files) = hub.calls
    assert first == second == "me/llava-fr" and options["private"]
    assert {"adapter_model.safetensors", "adapter_config.json", "README.md"} <= files.keys()


def test_a_refusal_says_where_the_files_are(
    settings: Make, hub: type[FakeHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "refuses", True)
    chosen = settings(max_steps=1, push_to_hub="me/llava-fr")
    with pytest.raises(UserError, match="401 Unauthorized Everything is in"):
        adapt(chosen)
    assert (chosen.output_dir / "run.json").is_file()
    with pytest.raises(ConfigError, match="push_to_hub"):
        settings(push_to_hub="no name")
