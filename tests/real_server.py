"""A real OpenAI-compatible server, `transformers serve` in a process of its own, and what stands before it to count."""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ports import free_port, started

PATIENCE = 180


@contextmanager
def transformers_serve(log: Path) -> Iterator[str]:
    """Serve any model's folder by its path; yield the URL, with its version."""
    port = free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", "--device", "cpu"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with started(command, port, log, os.environ | {"HF_HUB_OFFLINE": "1"}, PATIENCE) as url:
        yield url


class Counter:
    """Stands before a server, hands requests on, and counts those that were answered.

    Attributes:
        url: Where it listens, with its version.
        answered: The bodies of the requests that the server answered, in order.
        holds: Says of a request's body whether it is held back: not handed on.
        waiting: Is set when a request is held back.
        gone: To be set when whoever waits for it has gone.
    """

    def __init__(self, url: str) -> None:
        self.answered: list[dict[str, Any]] = []
        self.waiting, self.gone = threading.Event(), threading.Event()
        self.holds: Callable[[dict[str, Any]], bool] = lambda body: False
        self.lock = threading.Lock()
        self.place = urlsplit(url)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{self.place.path}"

    def of(self, model: Path) -> list[dict[str, Any]]:
        """Return the answered requests for a model."""
        return [body for body in self.answered if body["model"] == str(model)]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        owner: Counter = self.server.owner  # type: ignore[attr-defined]
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(sent)
        if owner.holds(body):
            owner.waiting.set()
            owner.gone.wait(PATIENCE)
            return
        connection = http.client.HTTPConnection(owner.place.netloc, timeout=PATIENCE)
        connection.request("POST", self.path, sent, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        if reply.status == 200:
            with owner.lock:
                owner.answered.append(body)
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
