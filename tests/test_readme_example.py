"""The README's example in Python runs as it stands there, on files of one's own; only its steps are fewer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from comparisons import own_cache, write_own
from families.tiny import build

README = Path(__file__).resolve().parents[1] / "README.md"
MOST_LINES = 20

pytestmark = pytest.mark.timeout(600)


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(code.splitlines()) <= MOST_LINES
    assert code.count('"max_steps": 100') == 2
    write_own(tmp_path)
    (tmp_path / "fr.json").unlink()  # the example makes it
    build("llava", tmp_path / "model")
    capsys.readouterr()  # saving it, transformers may have shown its progress
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PASSERELLE_CACHE", own_cache(tmp_path / "cache"))
    names: dict[str, Any] = {}
    exec(compile(code.replace('"max_steps": 100', '"max_steps": 2'), "README.md", "exec"), names)
    said = capsys.readouterr()
    assert re.search(r"^\d+% of the translations lose meaning \[\d+%, \d+%\]$", said.out, re.MULTILINE)
    assert re.search(r"^lora  fr \d+\.\d \[\d+\.\d, \d+\.\d\]$", said.out, re.MULTILINE)
    assert said.err == "", "silent unless asked"
    assert Path("fr.repaired.json").is_file()
    compared = names["compared"]
    assert compared.report.is_file()
    values = {arm.name: arm.value("pope") for arm in compared.contents.arms}
    assert values.keys() == {"english", "pipeline", "lora", "lora-repaired"}
    assert all(value is not None for name, value in values.items() if name != "english")
    assert [f.system for f in names["asked"].figures if f.headline and f.language == "fr"] == ["base", "lora"]
