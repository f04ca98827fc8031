"""How long saving a judgment takes while many experts work at once, each at their own pace.

Run: python benchmarks/review_saving.py [--experts 50] [--judgments 20] [--pause 2.0] [--db postgresql://…]

The server is a process of its own, as `passerelle review serve` starts it; the experts are tasks of this one. With
`--pause 0` nobody thinks: that is the most the server can take, not what experts see.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import httpx

from passerelle.review.store.campaign import Plan, create_campaign
from passerelle.review.store.database import Database
from passerelle.review.store.items import NewItem


async def expert(url: str, token: str, judgments: int, pause: float, number: int) -> list[float]:
    """Judge: some autosaves, then finish; return the seconds of each saving."""
    draw, seconds = random.Random(number), []
    async with httpx.AsyncClient(base_url=url, timeout=60, follow_redirects=True) as client:
        page = (await client.get(f"/enter/{token}")).text
        headers = {"x-csrf": re.search(r'data-csrf="(\w+)"', page)[1], "hx-request": "true"}
        await client.post("/agree", headers=headers)
        for _ in range(judgments):
            item = (await client.get("/work", headers=headers)).text
            key = re.search(r'data-key="(\w+)"', item)[1]
            for version, finish in enumerate((False, True)):
                await asyncio.sleep(pause * draw.uniform(0.5, 1.5))
                content = {"label": draw.choice(["right", "wrong"]), "comment": "une remarque " * (version + 1)}
                body = {"client_id": uuid.uuid4().hex, "version": version, "content": content, "finish": finish}
                began = time.perf_counter()
                answer = await client.post(f"/work/{key}", json=body, headers=headers)
                seconds.append(time.perf_counter() - began)
                assert answer.status_code == 200, answer.text
    return seconds


async def all_experts(url: str, tokens: list[str], judgments: int, pause: float) -> list[float]:
    """Let all work at once."""
    work = [expert(url, token, judgments, pause, number) for number, token in enumerate(tokens)]
    return [one for seconds in await asyncio.gather(*work) for one in seconds]


def start(where: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start the server and wait until it answers."""
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "passerelle", "review", "serve", "--db", where, "--port", str(port)]
    )
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/nothing", timeout=2)
        except urllib.error.HTTPError:
            break
        except OSError:
            time.sleep(0.1)
    return server, f"http://127.0.0.1:{port}"


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experts", type=int, default=50)
    parser.add_argument("--judgments", type=int, default=20)
    parser.add_argument(
        "--pause", type=float, default=2.0, help="mean seconds that an expert thinks before each saving"
    )
    parser.add_argument("--db", default="", help="an empty database  [SQLite in a temporary folder]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = given.db or str(Path(folder) / "review.sqlite")
        items = [NewItem("label", f"i{n}", {"question": "?", "answer": str(n)}, {}) for n in range(given.judgments)]
        plan = Plan(uuid.uuid4().hex, tuple(f"e{n}" for n in range(given.experts)), "fr", "fr", overlap=1.0, repeats=0)
        with Database(where) as database:
            tokens = create_campaign(database, plan, [items], {})
        server, url = start(where)
        try:
            began = time.perf_counter()
            seconds = asyncio.run(
                all_experts(url, [tokens[name] for name in plan.experts], given.judgments, given.pause)
            )
            took = time.perf_counter() - began
        finally:
            server.terminate()
            _, _, used = os.wait4(server.pid, 0)
            server.returncode = 0
    cuts = [1000 * cut for cut in statistics.quantiles(seconds, n=100)]
    # Each judgment is one page and two savings; entering and agreeing are three more requests an expert.
    requests = given.experts * (3 * given.judgments + 3)
    processor = 1000 * (used.ru_utime + used.ru_stime) / requests
    figures = {
        "savings": len(seconds),
        "server_cpu_ms_per_request": processor,
        "p50_ms": cuts[49],
        "p95_ms": cuts[94],
        "p99_ms": cuts[98],
    }
    print(json.dumps({**vars(given), **{key: round(value, 1) for key, value in figures.items()},
                      "savings_per_second": round(len(seconds) / took, 1)}))  # fmt: skip


if __name__ == "__main__":
    main()
