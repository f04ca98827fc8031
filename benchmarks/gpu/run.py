"""All parts one after the other, each a process with a time limit; JSON and a Markdown table are written as they go.

Run: benchmarks/gpu.sh
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

TOTAL = float(os.environ.get("GPU_SECONDS", "465"))
"""Seconds for all parts: with the start, less than eight minutes."""
SMOKE_LIMIT = 900.0
_PACKAGES = ("torch", "transformers", "peft", "trl", "liger-kernel", "bitsandbytes")


@dataclass(frozen=True)
class Part:
    """One process.

    Attributes:
        name: What the table calls it; its log is `name`.log.
        seconds: It is cut off after so long.
        module: What is run, with its arguments.
    """

    name: str
    seconds: float
    module: tuple[str, ...]


# The first has the start of a cold disk in it: half a minute.
PARTS = (
    Part("training-llava", 110, ("gpu.training", "LLaVA-1.5-7B")),
    Part("training-qwen", 80, ("gpu.training", "Qwen2.5-VL-3B")),
    Part("training-smolvlm", 80, ("gpu.training", "SmolVLM-2.2B")),
    Part("tests", 110, ("gpu.tests",)),
    Part("asking", 75, ("gpu.asking",)),
    Part("memory", 50, ("gpu.memory",)),
)


@dataclass
class Table:
    """The rows so far, on disk.

    Attributes:
        folder: Where they are written.
        about: The machine and what is installed on it.
        rows: All rows, each with the second in which it came.
        began: When the first part began.
    """

    folder: Path
    about: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, part: str, row: dict[str, Any]) -> None:
        """Add a row and write all."""
        at = round(time.monotonic() - self.began)
        self.rows.append({"part": part, "at": at, **row})
        print(f"{at} s: {part}: {row['what']}: {row['measured']}", file=sys.stderr, flush=True)
        self._write("results.json", json.dumps({**self.about, "rows": self.rows}, indent=1, ensure_ascii=False))
        lines = [f"{key}: {value}  " for key, value in self.about.items()]
        lines += ["", "| part | what | to reach | measured |", "|---|---|---|---|"]
        for each in self.rows:
            cells = (each["part"], each["what"], each["target"], each["measured"])
            lines.append("| " + " | ".join(str(cell).replace("|", "/").replace("\n", " ") for cell in cells) + " |")
        self._write("table.md", "\n".join(lines) + "\n")

    def _write(self, name: str, text: str) -> None:
        beside = self.folder / f".{name}"
        beside.write_text(text, encoding="utf-8")
        beside.replace(self.folder / name)


def about() -> dict[str, Any]:
    """Return what is known of the machine."""
    import torch

    cuda = torch.cuda.is_available()
    versions = {}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "device": torch.cuda.get_device_name() if cuda else f"no GPU; {platform.processor() or platform.machine()}",
        "memory": f"{torch.cuda.get_device_properties(0).total_memory / 1e9:.0f} GB" if cuda else "–",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def run(part: Part, seconds: float, smoke: bool, table: Table) -> None:
    """Run a part, and write its rows as they come."""
    command = [sys.executable, "-u", "-m", *part.module, *(["--smoke"] if smoke else [])]
    began = time.monotonic()
    with (table.folder / f"{part.name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        try:
            for line in lines_of(process, began + seconds):
                if line.startswith(b'{"what"'):
                    table.add(part.name, json.loads(line))
                else:
                    log.write(line)
                    log.flush()
            code = process.wait(timeout=5)
        except TimeoutError:
            table.add(part.name, _row("the rest", f"**cut off** after {seconds:.0f} s"))
            return
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdout is not None:
                process.stdout.close()
            process.wait()
    took = time.monotonic() - began
    if code:
        table.add(part.name, _row("the whole part", f"**failed** with exit code {code}; see {part.name}.log"))
    table.add(part.name, _row("time", f"{took:.0f} s"))


def lines_of(process: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
    """Yield what a process prints, line by line.

    Raises:
        TimeoutError: The deadline has passed.
    """
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    held = b""
    with DefaultSelector() as selector:
        selector.register(process.stdout, EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if not selector.select(left):
                continue
            read = os.read(process.stdout.fileno(), 1 << 16)
            if not read:
                yield from [held] if held else []
                return
            *whole, held = (held + read).split(b"\n")
            yield from (line + b"\n" for line in whole)


def _row(what: str, measured: str) -> dict[str, Any]:
    return {"what": what, "target": "–", "measured": measured, "figures": {}}


def main() -> None:
    """Run all parts, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="on the CPU, with tiny models")
    parser.add_argument("--out", default="build/gpu")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(part.name for part in PARTS))
    given = parser.parse_args()
    if unknown := set(given.parts) - {part.name for part in PARTS}:
        parser.error(f"no part {', '.join(sorted(unknown))}: there are {', '.join(part.name for part in PARTS)}")
    began = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit("interrupted: what is measured so far is written"))
    folder = Path(given.out)
    folder.mkdir(parents=True, exist_ok=True)
    table = Table(folder, about())
    if "no GPU" in table.about["device"] and not given.smoke:
        sys.exit("no GPU: benchmarks/gpu.sh --smoke runs all parts on the CPU with tiny models")
    known = {part.name: part for part in PARTS}
    for part in [known[name] for name in given.parts] or PARTS:
        left = SMOKE_LIMIT if given.smoke else min(part.seconds, TOTAL - (time.monotonic() - began))
        if left < 10:
            table.add(part.name, _row("the whole part", f"not run: {TOTAL:.0f} s were spent"))
            continue
        run(part, left, given.smoke, table)
    print((folder / "table.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
