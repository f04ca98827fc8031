"""A real OpenAI-compatible endpoint on this machine, which translates or answers and fails as it is told."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image


class ChatServer:
    """A chat-completions endpoint on this machine that does as it is told.

    Attributes:
        url: Where it listens, with its version.
        requests: What was asked, with the time and the headers.
        faults: What to do with the next requests instead of answering them properly, in order.
    """

    def __init__(self, handler: type[Handler] | None = None, port: int = 0) -> None:
        self.requests: list[dict[str, Any]] = []
        self.faults: list[Callable[[Handler], None]] = []
        self.delay_seconds = 0.0
        self.most_at_once = self._at_once = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler or Handler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def enter(self, request: dict[str, Any]) -> Callable[[Handler], None] | None:
        with self._lock:
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            return self.faults.pop(0) if self.faults else None

    def leave(self) -> None:
        with self._lock:
            self._at_once -= 1


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_POST(self) -> None:
        owner: ChatServer = self.server.owner  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.texts = self.read(body)
        request = {"path": self.path, "body": body, "texts": self.texts, "time": time.monotonic()}
        fault = owner.enter({**request, "headers": dict(self.headers)})
        time.sleep(owner.delay_seconds)
        owner.leave()  # before the answer: whoever has it may ask again at once
        if fault is None:
            self.say(self.answered())
        else:
            fault(self)

    def read(self, body: dict[str, Any]) -> dict[str, str]:
        """Return the texts that are to be translated, by number."""
        texts: dict[str, str] = json.loads(body["messages"][1]["content"])
        return texts

    def answered(self) -> Any:
        """Return what a model says to them."""
        return {number: f"[fr] {text}" for number, text in self.texts.items()}

    def say(self, content: Any, finish: str = "stop", usage: bool = True) -> None:
        """Answer as a model; what isn't a text is sent as JSON."""
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        counts = {"usage": {"prompt_tokens": 100, "completion_tokens": 10 * len(self.texts)}} if usage else {}
        self.reply(200, json.dumps({"choices": [choice], **counts}))

    def reply(self, status: int, body: str, **headers: str) -> None:
        data = body.encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


class AboutPictures(Handler):
    """Answers a question about a picture: how large it is, and the question."""

    def read(self, body: dict[str, Any]) -> dict[str, str]:
        message = body["messages"][0]
        parts = message["content"]
        if isinstance(parts, str):
            return {"text": parts, "picture": ""}
        (shown,) = (part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        (text,) = (part["text"] for part in parts if part["type"] == "text")
        return {"text": text, "picture": shown}

    def answered(self) -> str:
        if not self.texts["picture"]:
            return f"none: {self.texts['text']}"
        image = Image.open(io.BytesIO(base64.b64decode(self.texts["picture"].partition("base64,")[2])))
        return f"{image.width}x{image.height}: {self.texts['text']}"


class Reads(Handler):
    """Reads answers that are neither yes nor no as its table says; equal is what has the same first letter."""

    replies = {"Bof.": "YES", "Euh.": "no.", "Mmh.": "NONE", "Hum.": "I think that it says yes", "Ah.": "YES"}

    def read(self, body: dict[str, Any]) -> dict[str, str]:
        prompt = body["messages"][0]["content"]
        assert body["temperature"] == 0 and body["max_tokens"] == 16
        shown = {name: prompt.partition(f"[{name}]\n")[2].partition("\n[End")[0] for name in ("Answer", "Right answer")}
        return {"answer": shown["Answer"], "right": shown["Right answer"], "prompt": prompt}

    def answered(self) -> str:
        if self.texts["right"]:
            return "EQUAL" if self.texts["right"][0].lower() == self.texts["answer"][0].lower() else "DIFFERENT"
        return self.replies.get(self.texts["answer"], "B")


class ListsErrors(Handler):
    """Lists the errors of a translation as its table says; others have none."""

    replies: dict[str, Any] = {}

    def read(self, body: dict[str, Any]) -> dict[str, str]:
        prompt = body["messages"][0]["content"]
        shown = {name: prompt.partition(f"[{name}]\n")[2].partition("\n[End")[0] for name in ("Source", "Translation")}
        return {**shown, "prompt": prompt}

    def answered(self) -> Any:
        return self.replies.get(self.texts["Translation"], {"errors": []})


class Likely(AboutPictures):
    """Says how likely it finds each letter that it is asked, in the fields of vLLM's chat completions.

    Its template is ``<u>PICTURE QUESTION<e>\\n<a>REPLY<e>\\n``; a mark is a token, a letter is one, a picture three.
    """

    def read(self, body: dict[str, Any]) -> dict[str, str]:
        found = super().read(body)
        replies = [message["content"] for message in body["messages"][1:]]
        self.marks = ["<u>", *["<p>"] * (3 if found["picture"] else 0), *found["text"], "<e>", "\n"]
        self.marks += ["<a>"] if replies or body.get("add_generation_prompt", True) else []
        for reply in replies:
            self.marks += [*reply, *([] if body.get("continue_final_message") else ["<e>", "\n"])]
        self.is_asked_for_them = "prompt_logprobs" in body
        return found

    def told(self) -> dict[str, Any]:
        """Return the fields that a server has which gives likelihoods."""
        shown = "<p>" in self.marks
        tokens = [
            {str(ord(mark[-2:][0])): {"logprob": likely(mark, shown), "decoded_token": mark}} for mark in self.marks
        ]
        counts = {"prompt_tokens": len(tokens), "completion_tokens": 1}
        return {"prompt_logprobs": [None, *tokens[1:]], "usage": counts}

    def say(self, content: Any, finish: str = "stop", usage: bool = True) -> None:
        if not self.is_asked_for_them:
            return super().say(content, finish, usage)
        choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "length"}
        return self.reply(200, json.dumps({"choices": [choice], **self.told()}))


def likely(mark: str, shown: bool) -> float:
    """Return the log-likelihood of a letter or a mark, with a picture or without."""
    return -(1 + ord(mark[-2:][0]) % (11 if shown else 7)) / 8
