"""What the page must not do: serve strangers, mix experts up, run what people typed, read files, take floods."""

from __future__ import annotations

import contextlib
import html
import json
import re
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import lxml.html
import pytest
from click.testing import CliRunner
from PIL import Image

from passerelle.cli import main
from passerelle.errors import InputError, PasserelleError
from passerelle.review.page.security import MAX_BODY_BYTES, RateLimit
from passerelle.review.store.campaign import Plan, create_campaign, replace_token
from passerelle.review.store.database import Database
from passerelle.review.store.items import NewItem
from passerelle.review.store.pictures import LONGEST_SIDE
from passerelle.review.store.tokens import csrf_of
from review_server import SAID, HttpExpert, Server

SCRIPT = "</script><img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>'\"&{{7*7}}"


def active_parts(page: str) -> list[str]:
    """List what in a page could run or load something that isn't the page's own, as a browser's parser sees it."""
    found = []
    for element in lxml.html.document_fromstring(page).iter():
        if not isinstance(element.tag, str):
            continue
        source = element.get("src") or element.get("href") or ""
        if element.tag in ("script", "img", "link") and not source.startswith("/"):
            found.append(lxml.html.tostring(element, encoding="unicode")[:80])
        found += [f"{element.tag} {name}" for name in element.attrib if name.startswith("on") or name == "style"]
        if element.tag in ("style", "iframe", "object", "embed", "b"):
            found.append(element.tag)
    return found


def test_an_active_part_is_seen() -> None:
    assert len(active_parts(f"<p>{SCRIPT}</p>")) >= 3


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "large.png"
    image = Image.new("RGB", (3000, 1500), "red")
    image.save(path, exif=Image.Exif(), pnginfo=None)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, picture: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    """A campaign whose every text is hostile, for three experts."""
    folder = tmp_path_factory.mktemp("site")
    items = [
        [
            NewItem("judge", "j", {"question": SCRIPT, "answers": [f"1{SCRIPT}", f"2{SCRIPT}"]},
                    {"arms": ["secret-arm-a", "secret-arm-b"]}, picture=picture),
            NewItem("judge", "k", {"question": SCRIPT, "answers": [f"3{SCRIPT}", f"4{SCRIPT}"]},
                    {"arms": ["secret-arm-a", "secret-arm-b"]}, picture=picture),
        ],
        [NewItem("translation", "t", {"source": SCRIPT, "translation": SCRIPT}, {"row": "1", "place": "x"})],
        [NewItem("write", "w", {}, {"row": "1", "place": "x", "source": ""}, picture=picture)],
        [NewItem("label", "l", {"question": SCRIPT, "answer": SCRIPT}, {"arm": "secret-arm-a"})],
    ]  # fmt: skip
    plan = Plan("hostile", (f"<b>Zoé</b>{SCRIPT}"[:90], "Paul", "Ann"), "fr", "fr", overlap=1.0, repeats=0.0)
    where = str(folder / "review.sqlite")
    with Database(where) as database:
        tokens = create_campaign(database, plan, items, {})
    names = {"zoe": plan.experts[0], "paul": "Paul", "ann": "Ann", "admin": "admin"}
    server = Server(where)
    server.start()
    yield server, {short: tokens[name] for short, name in names.items()}
    server.stop()


def test_no_token_no_page(site: tuple[Server, dict[str, str]]) -> None:
    server, tokens = site
    other_secret = tokens["paul"][:17] + tokens["ann"][17:]
    for cookie in (
        "",
        "x",
        other_secret,
        tokens["paul"][:-1],
        tokens["paul"] + "x",
        "0" * 16 + tokens["paul"][16:],
        "é" * 60,
    ):
        with httpx.Client(base_url=server.url, headers={"cookie": f"review={cookie}".encode()}) as nobody:
            for path in ("/", "/work", "/status", "/picture/" + "0" * 32, "/work/" + "0" * 32):
                answer = nobody.get(path)
                assert answer.status_code in (401, 429), (path, answer.status_code)
                assert "Paul" not in answer.text and "secret" not in answer.text
            assert nobody.post("/undo", json={"client_id": "abcdefgh"}).status_code in (401, 429)


def test_guessing_tokens_is_slowed_down(site: tuple[Server, dict[str, str]]) -> None:
    server, tokens = site
    with httpx.Client(base_url=server.url) as nobody:
        codes = [nobody.get(f"/enter/{'0' * 16}-{number:043d}").status_code for number in range(40)]
        assert set(codes) <= {401, 429} and codes[-1] == 429
    # Experts who have their token aren't in their way.
    assert HttpExpert(server.url, tokens["paul"]).current() is not None


def test_nobody_sees_anothers_work(site: tuple[Server, dict[str, str]]) -> None:
    server, tokens = site
    paul, ann = HttpExpert(server.url, tokens["paul"]), HttpExpert(server.url, tokens["ann"])
    theirs = ann.current()
    assert theirs is not None
    for path in (f"/work/{theirs['key']}", f"/work/{theirs['key']}/next", f"/work/{theirs['key']}/previous"):
        assert paul.client.get(path).status_code == 404
    assert paul.save(theirs["key"], SAID["judge"]).status_code == 404
    assert ann.current()["content"] == {}  # type: ignore[index]
    assert paul.client.get("/status").status_code == 404
    admin = HttpExpert(server.url, tokens["admin"], agree=False)
    assert admin.client.get("/status").status_code == 200
    assert admin.client.get("/work").status_code == 404
    assert admin.post("/undo", {"client_id": "abcdefgh"}).status_code == 404


def test_arms_and_expectations_stay_hidden(site: tuple[Server, dict[str, str]]) -> None:
    server, tokens = site
    paul = HttpExpert(server.url, tokens["paul"])
    item = paul.current()
    assert item is not None and item["task"] == "judge"
    assert not re.search("secret|arms|automatic|expected", item["page"])


@pytest.mark.parametrize(
    "path",
    ["/picture/../../etc/passwd", "/picture/..%2f..%2fetc%2fpasswd", "/static/x/..%2fweb.py", "/static/x/../web.py",
     "/static/x/page.css%00.py", "/picture/1", "/picture/%2e%2e", "/work/..%2f..", "/templates/base.html", "/docs",
     "/openapi.json", "/enter/..%2f..%2fetc", "/work/0/sideways"],
)  # fmt: skip
def test_path_tricks_find_nothing(site: tuple[Server, dict[str, str]], path: str) -> None:
    server, tokens = site
    paul = HttpExpert(server.url, tokens["paul"])
    # httpx tidies paths up; a socket doesn't.
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        cookie = f"review={tokens['paul']}"
        raw.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert re.match(rb"HTTP/1.1 (404|401|429|400)", answer), answer[:100]
    assert b"root:" not in answer and b"import" not in answer
    paul.close()


def test_changes_need_the_pages_own_mark(site: tuple[Server, dict[str, str]]) -> None:
    server, tokens = site
    paul = HttpExpert(server.url, tokens["paul"])
    item = paul.current()
    assert item is not None
    body = {"client_id": "abcdefgh", "version": 0, "content": SAID["judge"]}
    for headers in ({}, {"x-csrf": ""}, {"x-csrf": csrf_of(tokens["ann"])}, {"x-csrf": "é".encode()}):
        answer = paul.client.post(f"/work/{item['key']}", json=body, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == 403
    answer = paul.post(f"/work/{item['key']}", body, **{"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    cookie = httpx.get(f"{server.url}/enter/{tokens['paul']}").headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie


def test_cookies_go_by_https_alone_where_there_is_https(tmp_path: Path) -> None:
    from passerelle.review.page.sessions import Door

    with Database(tmp_path / "review.sqlite") as database:
        door = Door(database, https=True)
    assert door.cookie == "__Host-review"
    assert door.cookie_settings()["secure"] is True


def test_headers_forbid_what_isnt_the_pages_own(site: tuple[Server, dict[str, str]]) -> None:
    server, tokens = site
    paul = HttpExpert(server.url, tokens["paul"])
    for answer in (paul.client.get("/"), paul.client.get("/nothing"), httpx.get(f"{server.url}/")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
    page = paul.client.get("/").text
    assert not re.search(r'(?:src|href)="(?!/)', page), "something is loaded from elsewhere"
    assert active_parts(page) == []


def test_what_people_typed_is_text(site: tuple[Server, dict[str, str]]) -> None:
    server, tokens = site
    zoe = HttpExpert(server.url, tokens["zoe"])
    for _ in range(5):
        item = zoe.current()
        assert item is not None
        said = {**SAID[item["task"]], "comment": SCRIPT}
        for name in {"translation": ["correction"], "write": ["caption", "question", "answer"]}.get(item["task"], []):
            said[name] = SCRIPT
        assert zoe.save(item["key"], said).status_code == 200
        page = zoe.client.get(f"/work/{item['key']}").text
        for found in (item["page"], page):
            assert active_parts(found) == []
        assert "{{7*7}}" in html.unescape(page), "a template was run, or the text is gone"
    assert zoe.current() is None
    admin = HttpExpert(server.url, tokens["admin"], agree=False)
    status = admin.client.get("/status").text
    assert active_parts(status) == [] and "&lt;b&gt;Zoé" in status


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"verdict": "both"}, "verdict"),
        ({"verdict": "good"}, "wasn"),
        ({"verdict": "left", "arm": "x"}, "arm"),
        ({"verdict": "left", "reasons": ["x"]}, "reasons"),
        ({"comment": "x" * 4001}, "comment"),
        ({"comment": {"$ne": 1}}, "comment"),
    ],
)
def test_only_what_was_asked_is_taken(site: tuple[Server, dict[str, str]], content: dict[str, Any], said: str) -> None:
    server, tokens = site
    ann = HttpExpert(server.url, tokens["ann"])
    item = ann.current()
    assert item is not None and item["task"] == "judge"
    answer = ann.save(item["key"], content, finish=False)
    assert answer.status_code == 422 and said in answer.json()["error"]


def test_spans_lie_inside_of_the_translation() -> None:
    from passerelle.review.page.judgments import read_judgment

    shown = {"translation": "Un chat"}
    before = {"category": "dropped-or-added"}  # when both were one class
    spans = [{"start": 7, "end": 7, **before}, {"start": 0, "end": 2, **before}]
    read = read_judgment("translation", {"spans": spans}, shown)
    assert [span["category"] for span in read.model_dump()["spans"]] == ["dropped", "added"]
    assert read_judgment("translation", {"spans": [{"start": 7, "end": 7}]}, shown)
    for start, end in ((0, 8), (3, 3), (5, 2), (8, 8)):
        with pytest.raises(InputError, match="spans"):
            read_judgment("translation", {"spans": [{"start": start, "end": end}]}, shown)


def test_oversized_bodies_are_refused(site: tuple[Server, dict[str, str]]) -> None:
    server, tokens = site
    paul = HttpExpert(server.url, tokens["paul"])
    item = paul.current()
    assert item is not None
    large = {"client_id": "abcdefgh", "version": 0, "content": {"comment": "x" * MAX_BODY_BYTES}}
    assert paul.post(f"/work/{item['key']}", large).status_code == 413

    for length in ("-1", "1e9", "9" * 5000):
        headers = {"x-csrf": paul.csrf, "content-length": length}
        with contextlib.suppress(httpx.TransportError):  # what isn't HTTP is hung up on
            assert paul.client.post(f"/work/{item['key']}", content=b"{}", headers=headers).status_code in (400, 413)

    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 65536

    try:
        answer = paul.client.post(f"/work/{item['key']}", content=endless(), headers={"x-csrf": paul.csrf})
        assert answer.status_code == 413
    except httpx.TransportError:
        pass  # the server hung up first
    for body in (
        b"",
        b"{",
        b"[]",
        b'{"client_id": "a"}',
        b"\xff\xfe",
        b'{"client_id":"abcdefgh","version":0,"content":1}',
    ):
        headers = {"x-csrf": paul.csrf, "content-type": "application/json"}
        assert paul.client.post(f"/work/{item['key']}", content=body, headers=headers).status_code in (400, 422)
    assert paul.current() is not None


@pytest.mark.parametrize(
    "body",
    [
        '{"client_id": "abcdefgh", "version": 0, "seconds": NaN, "content": {}}',
        '{"client_id": "abcdefgh", "version": 0, "seconds": 1e999, "content": {}}',
        '{"client_id": "abcdefgh", "version": -Infinity, "content": {}}',
        '{"client_id": "abcdefgh", "version": NaN, "content": {}}',
        '{"client_id": "abcdefgh", "version": 0, "content": {"verdict": NaN}}',
        '{"client_id": "abcdefgh", "version": 0, "content": {"comment": 1e999}}',
        '{"client_id": "abcdefgh", "version": 0, "content": {"comment": "\\ud800"}}',
        '{"client_id": "abcdefgh", "version": 0, "content": {"\\udfff": 1}}',
        '{"client_id": "\\ud800abcdefgh", "version": 0, "content": {}}',
        '{"client_id": "abcdefgh", "version": 0, "after": "\\ud800", "content": 1}',
        '{"client_id": "abcdefgh", "version": 0, "\\ud800": NaN, "content": {}}',
        pytest.param('{"client_id": "abcdefgh", "version": %s, "content": {}}' % ("9" * 5000), id="a large number"),
        pytest.param("[" * 30_000, id="deep lists"),
    ],
)  # fmt: skip
def test_what_json_cant_hold_is_refused(site: tuple[Server, dict[str, str]], body: str) -> None:
    server, tokens = site
    paul = HttpExpert(server.url, tokens["paul"])
    item = paul.current()
    assert item is not None
    headers = {"x-csrf": paul.csrf, "content-type": "application/json"}
    for path in (f"/work/{item['key']}", "/undo"):
        answer = paul.client.post(path, content=body, headers=headers)
        assert answer.status_code in (400, 422) and answer.json()["error"], answer.text
    assert paul.current() == item


def test_keys_that_arent_ours_reach_no_database(database: str, picture: Path) -> None:
    item = NewItem("write", "w", {}, {"row": "1", "place": "x", "source": ""}, picture=picture)
    with Database(database) as opened:
        tokens = create_campaign(opened, Plan("keys", ("Ann",), "fr", "fr"), [[item]], {})
        ann = HttpExpert(opened, tokens["Ann"])
        for key in ("%00", "%ED%A0%80", "x" * 5000, "%F0%9F%90%88"):
            assert ann.client.get(f"/work/{key}").status_code == 404
            assert ann.client.get(f"/picture/{key}").status_code == 404
            assert ann.save(key, {}).status_code == 404


def test_pictures_are_one_campaigns_own(tmp_path: Path, picture: Path) -> None:
    """Who knows the name of another campaign's picture doesn't get it; nor does that campaign's organiser."""
    item = NewItem("write", "w", {}, {"row": "1", "place": "x", "source": ""}, picture=picture)
    with Database(tmp_path / "review.sqlite") as database:
        tokens = [create_campaign(database, Plan(name, ("Ann",), "fr", "fr"), [[item]], {}) for name in ("one", "two")]
        experts = [HttpExpert(database, one["Ann"]) for one in tokens]
        keys = [re.search(r"/picture/[0-9a-f]{32}", one.current()["page"])[0] for one in experts]  # type: ignore[index]
        assert keys[0] != keys[1]
        admin = HttpExpert(database, tokens[1]["admin"], agree=False)
        assert [one.client.get(keys[0]).status_code for one in (*experts, admin)] == [200, 404, 404]
        assert [one.client.get(keys[1]).status_code for one in (*experts, admin)] == [404, 200, 200]


def test_slow_senders_are_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that begins a request and goes on a letter at a time, one that says nothing, one whose body never ends."""
    import threading
    import time

    import uvicorn

    from passerelle.review.page import patience, web
    from passerelle.review.page.security import BodyLimit

    monkeypatch.setattr(patience.PatientProtocol, "head_seconds", 0.4)
    monkeypatch.setattr(web, "BodyLimit", lambda app: BodyLimit(app, seconds=0.4))
    with Database(tmp_path / "review.sqlite") as database:
        app = web.make_app(database)
        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", lifespan="off", http=patience.PatientProtocol)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        head = b"POST /undo HTTP/1.1\r\nhost: x\r\ncontent-length: 40\r\n\r\n"
        slow = {"silent": b"", "in its headers": b"GET / HTTP/1.1\r\nx: ", "in its body": head,
                "in its second request": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"}  # fmt: skip
        try:
            for name, first in slow.items():
                with socket.create_connection(listening.getsockname(), timeout=10) as raw:
                    raw.sendall(first)
                    began, answer = time.monotonic(), b""
                    try:
                        while time.monotonic() - began < 8:
                            raw.sendall(b"G" if first else b"")
                            raw.settimeout(0.1)
                            try:
                                answer += (got := raw.recv(65536))
                            except TimeoutError:
                                continue
                            if not got:
                                break
                    except OSError:  # it hung up while we sent
                        pass
                    assert time.monotonic() - began < 4, f"slow {name}"
                    assert (b" 408 " in answer) == (name == "in its body"), name
        finally:
            server.should_exit = True
            thread.join()
            listening.close()


def test_pictures_are_encoded_anew_and_bounded(site: tuple[Server, dict[str, str]], picture: Path) -> None:
    import io

    server, tokens = site
    paul = HttpExpert(server.url, tokens["paul"])
    found = re.search(r'src="(/picture/[0-9a-f]{32})"', paul.current("/")["page"])  # type: ignore[index]
    assert found
    answer = paul.client.get(found[1])
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.format == "JPEG" and max(image.size) == LONGEST_SIDE
        assert not image.getexif()
    assert answer.content != picture.read_bytes()
    assert httpx.get(server.url + found[1]).status_code in (401, 429)


def test_a_picture_of_100_megapixels_is_refused(tmp_path: Path) -> None:
    Image.new("1", (10_000, 10_000)).save(tmp_path / "bomb.png")
    item = NewItem("write", "w", {}, {}, picture=tmp_path / "bomb.png")
    with Database(tmp_path / "review.sqlite") as database:
        with pytest.raises(InputError, match="10000×10000 pixels"):
            create_campaign(database, Plan("bomb", ("A",), "fr", "fr"), [[item]], {})
        with pytest.raises(PasserelleError, match="no campaign"):  # all or nothing
            replace_token(database, None, "A")


def test_pictures_outside_of_the_answers_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    row = {"id": "1", "question": "?", "answers": {"a": "x", "b": "y"}, "picture": "../secret.png"}
    (tmp_path / "in" / "answers.jsonl").write_text(json.dumps(row), encoding="utf-8")
    command = [
        "review",
        "create",
        "x",
        "--db",
        str(tmp_path / "x.sqlite"),
        "--answers",
        str(tmp_path / "in/answers.jsonl"),
    ]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2 and "lies outside" in result.output


def test_a_revoked_link_ends_at_once(tmp_path: Path, serving: Callable[[str], Server]) -> None:
    where = str(tmp_path / "review.sqlite")
    item = NewItem("label", "l", {"question": "?", "answer": "!"}, {"arm": "a"})
    with Database(where) as database:
        tokens = create_campaign(database, Plan("one", ("Ann", "Paul"), "fr", "fr", overlap=1.0), [[item]], {})
        server = serving(where)
        ann = HttpExpert(server.url, tokens["Ann"])
        assert ann.current() is not None
        replace_token(database, "one", "Ann", revoke=True)
        assert ann.client.get("/work").status_code == 401
        again = replace_token(database, "one", "Ann")
        assert HttpExpert(server.url, again, agree=False).current() is not None
        assert ann.client.get("/work").status_code == 401
    # No token is kept, nor any text of experts in the log; who came and went is.
    connection = sqlite3.connect(where)
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert not any(token.partition("-")[2] in dump for token in (*tokens.values(), again))
    assert all(action in dump for action in ("'create'", "'enter'", "'agree'", "'revoke'", "'new-link'"))


@pytest.mark.parametrize(
    "where",
    [
        "postgresql://me:s3cret@127.0.0.1:1/review",
        "postgresql://me:s3cret@127.0.0.1:port/review",
        "postgresql://me@127.0.0.1:1/review?password=s3cret",
        "postgresql://me:a@s3cret@127.0.0.1:1/review",
        "postgresql://me:a/s3cret@127.0.0.1:1/review",
        "mysql://me:s3cret@127.0.0.1/review",
        "postgresql://me:s3cret@[::1/review",
    ],
)
def test_a_databases_password_is_never_printed(where: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "1", "question": "?", "answers": {"a": "x"}}\n', encoding="utf-8")
    for command in (["status"], ["serve"], ["create", "c", "--answers", str(tmp_path / "a.jsonl")]):
        result = CliRunner().invoke(main, ["review", *command, "--db", where])
        assert result.exit_code in (1, 2) and result.exception.__class__ is SystemExit
        assert "s3cret" not in result.output


def test_the_password_isnt_printed_where_all_goes_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from passerelle.commands import review

    (tmp_path / "a.jsonl").write_text('{"id": "1", "question": "?", "answers": {"a": "x"}}\n', encoding="utf-8")
    monkeypatch.setattr(review, "_open", lambda where, must_exist=True: Database(tmp_path / "r.sqlite"))
    command = ["review", "create", "c", "--answers", str(tmp_path / "a.jsonl"), "--db", "postgresql://me:s3cret@h/r"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0 and "postgresql://me:***@h/r" in result.output and "s3cret" not in result.output


def test_one_expert_cant_flood_the_server() -> None:
    clock = [0.0]
    limit = RateLimit(2.0, 3, lambda: clock[0])
    assert [limit.allows("a") for _ in range(4)] == [True, True, True, False]
    assert limit.allows("b")
    clock[0] += 0.5
    assert [limit.allows("a") for _ in range(2)] == [True, False]
    clock[0] += 100
    assert [limit.allows("a") for _ in range(4)] == [True, True, True, False]
