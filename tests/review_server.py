"""The review command and its server, for tests: a process that can be killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any, ClassVar

import httpx
from fastapi.testclient import TestClient

from forked import Forked, fork
from passerelle.review.page.web import make_app
from passerelle.review.store.database import Database
from ports import free_port

ARMS = ("pipeline-arm", "finetuned-arm")


def passerelle(*arguments: str) -> Any:
    """Run the command in this process; return what it printed as JSON."""
    from click.testing import CliRunner

    from passerelle.cli import main

    result = CliRunner().invoke(main, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


class Server:
    """`passerelle review serve` as a process."""

    def __init__(self, database: str) -> None:
        self.database = database if "://" in database else str(Path(database).resolve())
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._running: Forked | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = ["review", "serve", "--db", self.database, "--port", str(self.port)]
        self._folder = tempfile.TemporaryDirectory()
        self._running = fork(command, Path(self._folder.name), {}, "server")
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}/nothing", timeout=2)
            except urllib.error.HTTPError:
                return
            except OSError:
                assert self._running.process.is_alive(), self._running.err.read_text(encoding="utf-8")
                time.sleep(0.05)
        raise AssertionError("the server doesn't answer")

    def kill(self) -> None:
        """End it as a power cut would, as far as a process can tell."""
        assert self._running is not None and self._folder is not None
        self._running.process.kill()
        self._running.process.join(10)
        self._folder.cleanup()
        self._running = None

    def stop(self) -> None:
        """End it, if it runs."""
        if self._running is not None:
            self.kill()


class HttpExpert:
    """An expert without a browser: the requests that the page makes."""

    opened: ClassVar[list[HttpExpert]] = []

    def __init__(self, where: str | Database, token: str, agree: bool = True) -> None:
        """Enter a server by its address, or a database without one, in this process."""
        if isinstance(where, str):
            self.client = httpx.Client(base_url=where, timeout=30, follow_redirects=True)
        else:
            self.client = TestClient(make_app(where))
        self.opened.append(self)
        page = self.client.get(f"/enter/{token}").text
        found = re.search(r'data-csrf="([0-9a-f]{64})"', page)
        self.csrf = found[1] if found else ""
        if agree:
            assert self.post("/agree", None).status_code == 204

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Send what the page sends."""
        return self.client.post(path, json=body, headers={"x-csrf": self.csrf, **headers})

    def current(self, path: str = "/work") -> dict[str, Any] | None:
        """Return what is shown: key, task, version, content and the page itself; ``None`` when all is done."""
        page = self.client.get(path, headers={"hx-request": "true"})
        assert page.status_code == 200, page.text
        found = re.search(
            r'data-key="(\w+)" data-task="(\w+)" data-version="(\d+)" data-content=\'([^\']*)\'', page.text
        )
        if found is None:
            assert 'class="letter done"' in page.text
            return None
        content = json.loads(found[4])
        return {"key": found[1], "task": found[2], "version": int(found[3]), "content": content, "page": page.text}

    def save(
        self,
        key: str,
        content: dict[str, Any],
        version: int = 0,
        *,
        finish: bool = True,
        client_id: str = "",
        **more: Any,
    ) -> httpx.Response:
        """Save a judgment."""
        body = {"client_id": client_id or uuid.uuid4().hex, "version": version, "content": content, "finish": finish}
        return self.post(f"/work/{key}", {**body, "seconds": 12.0, **more})

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


SAID: dict[str, dict[str, Any]] = {
    "judge": {"verdict": "left"},
    "translation": {"score": 80},
    "write": {"caption": "Une légende."},
    "label": {"label": "right"},
}
"""A judgment of each task that can be finished."""


class Postgres:
    """A PostgreSQL of one's own in a temporary folder, as a user who isn't root."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._bin = folder, sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        self._as: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(folder, "postgres", "postgres")
        self._run("initdb", "-D", str(folder / "data"), "-U", "review", "-A", "trust", "--no-sync")
        port = free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        self._run("pg_ctl", "-D", str(folder / "data"), "-l", str(folder / "log"), "-w", "-o", options, "start")
        self._url = f"postgresql://review@127.0.0.1:{port}"

    def new(self, name: str) -> str:
        """Make an empty database; return its URL."""
        import psycopg

        with psycopg.connect(f"{self._url}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"{self._url}/{name}"

    def stop(self) -> None:
        """End it."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        # The server that pg_ctl starts would hold a pipe open for ever.
        quiet = subprocess.DEVNULL
        done = subprocess.run(command, cwd="/", stdin=quiet, stdout=quiet, stderr=quiet, timeout=120, **self._as)
        assert done.returncode == 0, f"{program} failed; see {self._folder / 'log'}"
