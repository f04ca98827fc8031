"""The how-to page does what it says; the reference names every option and every figure."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from PIL import Image

from passerelle.commands.translate import translate as command
from passerelle.translation.dataset.counted import Needed
from passerelle.translation.dataset.summary import Summary
from passerelle.translation.dataset.tally import Tally

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOW_TO = (DOCS / "howto" / "translate.md").read_text("utf-8")
REFERENCE = (DOCS / "reference" / "translate.md").read_text("utf-8")
WORDS = re.compile(r'(?<="value": )"(?:[^"\\]|\\.)*"')
BLOCKS = re.findall(r"(?:<!-- ([^>\n]+) -->\n)?^```(\w*)\n(.*?)^```$", HOW_TO, re.DOTALL | re.MULTILINE)


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """What a shell needs in which `passerelle` is this one."""
    program = tmp_path / "bin" / "passerelle"
    program.parent.mkdir()
    code = "from passerelle.cli import main; main(prog_name='passerelle')"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}


@pytest.mark.skipif(shutil.which("apertium") is None, reason="install apertium")
def test_the_commands_of_the_page_run_and_write_what_it_shows(tmp_path: Path, shell: dict[str, str]) -> None:
    for name in ("dog", "house"):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / f"{name}.png")
    ran = 0
    for comment, language, content in BLOCKS:
        what, _, name = comment.partition(": ")
        if what == "file":
            (tmp_path / name).write_text(content, "utf-8")
        elif what == "becomes":
            # The words hang on the engine's version; all else is as the page shows.
            assert WORDS.sub("", (tmp_path / name).read_text("utf-8")) == WORDS.sub("", content)
        elif language == "bash" and what != "not run":
            done = subprocess.run(["bash", "-ec", content], cwd=tmp_path, env=shell, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            ran += 1
    assert ran >= 5
    assert "bureau" in (tmp_path / "fr2.json").read_text("utf-8")
    assert "Est-ce que c'est une maison ?" in (tmp_path / "fr.json").read_text("utf-8")


def test_every_option_is_in_the_reference() -> None:
    listed = set(re.findall(r"^\| `(--[a-z-]+)` \|", REFERENCE, re.MULTILINE))
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert listed == {option.opts[0] for option in options}
    for option in options:
        if isinstance(option.default, str) and option.default:
            assert f"| `{option.opts[0]}` | `{option.default}` |" in REFERENCE


def test_every_figure_is_in_the_reference() -> None:
    texts = {name: "" for name, kind in Summary.__annotations__.items() if kind == "str"}
    summary = Summary(**texts, tally=Tally(), needed=Needed(), seconds=0.0)
    rows = re.findall(
        r"^\| (`.+?) \|", REFERENCE.partition("| key of `--json` |")[2].partition("\n\n")[0], re.MULTILINE
    )
    listed = {name for row in rows for name in re.findall("`([a-z_]+)`", row)}
    assert listed == set(json.loads(json.dumps(summary.as_dict())))
