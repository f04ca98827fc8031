"""A tiny model behind `transformers serve`, in a process of its own, answers as it does in this one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from families.tiny import build
from passerelle.evaluation.one_question import ask

pytest.importorskip("openai")
pytest.importorskip("httpx")
PATIENCE = 180


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llava", tmp_path_factory.mktemp("served") / "model")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", "--device", "cpu"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path_factory.mktemp("log") / "serve.log"
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=os.environ | {"HF_HUB_OFFLINE": "1"})
        try:
            until = time.monotonic() + PATIENCE
            while not listens(port):
                assert process.poll() is None and time.monotonic() < until, log.read_text("utf-8")[-2000:]
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()
            process.wait()


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_answers_are_those_of_the_model_in_process(
    folder: Path, url: str, tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, colour in enumerate(((200, 0, 0), (0, 0, 200))):
        Image.new("RGB", (60, 40), colour).save(tmp_path / f"{number}.png")
    served = f"openai{{timeout_seconds: 100}}:{folder}@{url}"
    for prefix, question in (("", "Quoi ?"), ("prompted:", "Est-ce un chat ?")):
        for number in range(2):
            asked = (tmp_path / f"{number}.png", question)
            assert ask(*asked, prefix + served, "fr", 24) == ask(*asked, f"{prefix}{folder}", "fr", 24)
