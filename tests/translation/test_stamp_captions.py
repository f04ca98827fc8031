"""All captions of Tux Paint's stamps: whole, and as good as the bare engine's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.translation.protection.verify import verify
from stamp_captions import STAMPS, captions


@pytest.mark.skipif(shutil.which("apertium") is None, reason="install apertium")
@pytest.mark.skipif(not STAMPS.is_dir(), reason="install tuxpaint-stamps-default")
def test_no_invariant_is_broken_and_the_score_is_that_of_the_bare_engine(tmp_path: Path) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    english, french = zip(*captions(), strict=True)
    source, out = tmp_path / "en.jsonl", tmp_path / "fr.jsonl"
    source.write_text("".join(json.dumps({"caption": caption}) + "\n" for caption in english))
    arguments = [str(source), "--to", "fr", "--out", str(out), "--fields", "caption", "--json"]
    done = CliRunner().invoke(main, ["translate", *arguments])
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["rows"], said["written"], said["rejected"]) == (len(english), len(english), {})
    assert said["unique"] == said["translated"] < said["segments"]
    translations = [json.loads(line)["caption"] for line in out.read_text("utf-8").splitlines()]
    assert [text for text, new in zip(english, translations, strict=True) if verify(text, new)] == []
    assert sacrebleu.corpus_chrf(translations, [list(french)]).score >= 48.5
