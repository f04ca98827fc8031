"""The review page: a FastAPI application over a review database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.requests import Request

from passerelle.errors import InputError
from passerelle.review.findings.status import campaign_status
from passerelle.review.page.judgments import MAX_CHARACTERS, MODELS, REASONS, SEVERITIES
from passerelle.review.page.security import BodyLimit, SecurityHeaders
from passerelle.review.page.sessions import COOKIE_DAYS, Door, Refused, Visit
from passerelle.review.page.work import (
    Broken,
    Conflict,
    NotTheirs,
    Saving,
    Shown,
    neighbour,
    next_key,
    progress_of,
    save,
    show,
    take_back,
)
from passerelle.review.store.campaign import log
from passerelle.review.store.database import Database
from passerelle.review.store.parts import fixed_spans, frame, pieces
from passerelle.review.store.schema import Campaign, Expert, StoredPicture, now
from passerelle.review.store.texts import best_interface, texts
from passerelle.review.store.tokens import is_key

_SCRIPTS = ("page.js", "marks.js", "parts.js", "htmx.min.js")
STATIC = {"page.css": "text/css", "icon.svg": "image/svg+xml", **dict.fromkeys(_SCRIPTS, "text/javascript")}
_FOREVER = "private, max-age=31536000, immutable"
_Found = TypeVar("_Found")
_ClientId = Field(pattern=r"^[A-Za-z0-9-]{8,64}$")


class SavingBody(BaseModel):
    """What the page sends to save a judgment."""

    model_config = ConfigDict(extra="forbid")

    client_id: str = _ClientId
    version: int = Field(ge=0)
    content: dict[str, Any]
    finish: bool = False
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    after: str | None = Field(default=None, max_length=64)


class UndoBody(BaseModel):
    """What the page sends to open the last item again."""

    model_config = ConfigDict(extra="forbid")

    client_id: str = _ClientId


def make_app(database: Database, *, https: bool = False, per_second: float = 20.0, burst: int = 100) -> FastAPI:
    """Make the application.

    Args:
        database: Where the campaigns are.
        https: The page is reached by HTTPS: the cookie goes by it alone.
        per_second: Requests that one expert may make on average.
        burst: Requests that one expert may make at once.
    """
    app = FastAPI(title="Passerelle review", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders, https=https)
    pages = _Pages(database, Door(database, https=https, per_second=per_second, burst=burst))
    app.add_exception_handler(Refused, pages.refused)
    app.add_exception_handler(HTTPException, pages.no_page)
    app.add_exception_handler(RequestValidationError, pages.wrong_body)
    looks: dict[str, Callable[..., Response]] = {
        "/": pages.home, "/enter/{token}": pages.enter, "/work": pages.next_item, "/work/{key}": pages.item,
        "/work/{key}/{way}": pages.other_item, "/picture/{key}": pages.picture, "/status": pages.status,
        "/static/{version}/{name}": pages.static,
    }  # fmt: skip
    for path, look in looks.items():
        app.add_api_route(path, look, methods=["GET"], response_model=None)
    changes: dict[str, Callable[..., Response]] = {
        "/agree": pages.agree, "/leave": pages.leave, "/undo": pages.undo, "/work/{key}": pages.save,
    }  # fmt: skip
    for path, change in changes.items():
        app.add_api_route(path, change, methods=["POST"], response_model=None)
    return app


def _unprocessable(said: str, *, missing: bool = False) -> Response:
    """Refuse what was sent; lone surrogates, which no answer can hold, are written as escapes."""
    sayable = said.encode("utf-8", "backslashreplace").decode()
    return JSONResponse({"error": sayable, "missing": missing}, status_code=422)


class _Pages:
    """The endpoints. They are plain functions, which the server runs in threads."""

    def __init__(self, database: Database, door: Door) -> None:
        self._database, self._door = database, door
        folder = files("passerelle.review.page") / "static"
        self._static = {name: (folder / name).read_bytes() for name in STATIC}
        version = hashlib.sha256(b"".join(self._static.values())).hexdigest()[:12]
        self._templates = Environment(
            loader=PackageLoader("passerelle.review.page"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.globals.update(
            static=f"/static/{version}", reasons=REASONS, severities=SEVERITIES, longest=MAX_CHARACTERS,
            tasks=tuple(MODELS), pieces=pieces, frame=frame, fixed_spans=fixed_spans,
        )  # fmt: skip

    # --- coming and going ---------------------------------------------------------------------------------------

    def enter(self, token: str, request: Request) -> Response:
        expert = self._door.enter(token, request)
        response = RedirectResponse("/status" if expert.is_admin else "/", status_code=303)
        response.set_cookie(self._door.cookie, token, max_age=COOKIE_DAYS * 86400, **self._door.cookie_settings())
        return response

    def leave(self, request: Request) -> Response:
        with self._door.changing(request):
            response = Response(status_code=204, headers={"HX-Redirect": "/"})
        response.delete_cookie(self._door.cookie, **self._door.cookie_settings())
        return response

    def agree(self, request: Request) -> Response:
        with self._door.changing(request) as visit:
            expert = visit.need_expert()
            if expert.agreed is None:
                expert.agreed = now()
                campaign = visit.session.get_one(Campaign, expert.campaign_id)
                log(visit.session, "agree", campaign.id, expert.id, campaign.settings["licence"])
        return Response(status_code=204, headers={"HX-Redirect": "/"})

    # --- the work ----------------------------------------------------------------------------------------------

    def home(self, request: Request) -> Response:
        with self._door.reading(request) as visit:
            if visit.expert.is_admin:
                return RedirectResponse("/status", status_code=303)
            if visit.expert.agreed is None:
                campaign = visit.session.get_one(Campaign, visit.expert.campaign_id)
                return self._page(visit, "agree.html", licence=campaign.settings["licence"])
            return self._work(visit, request, next_key(visit.session, visit.expert))

    def next_item(self, request: Request) -> Response:
        with self._door.reading(request) as visit:
            return self._work(visit, request, next_key(visit.session, visit.need_expert()))

    def item(self, key: str, request: Request) -> Response:
        with self._door.reading(request) as visit:
            return self._work(visit, request, key)

    def other_item(self, key: str, way: str, request: Request) -> Response:
        steps = {"previous": -1, "next": 1}
        with self._door.reading(request) as visit:
            expert = visit.need_expert()
            if way not in steps:
                raise Refused(404, "not_found")
            return self._work(visit, request, self._theirs(neighbour, visit, expert, key, steps[way]))

    def save(self, key: str, body: SavingBody, request: Request) -> Response:
        with self._door.changing(request) as visit:
            expert = visit.need_expert()
            if expert.agreed is None:
                raise Refused(403, "no_link_text")
            words = texts(expert.interface)
            try:
                version = save(visit.session, expert, key, Saving(**body.model_dump()))
            except NotTheirs:
                raise Refused(404, "not_found") from None
            except Conflict:
                return JSONResponse({"error": words["conflict"]}, status_code=409)
            except Broken as error:
                said = words["broken"].get(error.violation.code, words["broken"]["other"])
                return _unprocessable(said.format(part=error.violation.part), missing=True)
            except InputError as error:
                said = str(error)
                known = words["missing"].get(said.removeprefix("missing: "))
                return _unprocessable(known or said, missing=known is not None)
        return JSONResponse({"version": version})

    def undo(self, body: UndoBody, request: Request) -> Response:
        with self._door.changing(request) as visit:
            key = take_back(visit.session, visit.need_expert(), body.client_id)
        return JSONResponse({"key": key})

    def picture(self, key: str, request: Request) -> Response:
        with self._door.reading(request) as visit:
            query = select(StoredPicture.jpeg).where(
                StoredPicture.key == key, StoredPicture.campaign_id == visit.expert.campaign_id
            )
            jpeg = visit.session.scalar(query) if is_key(key) else None
        if jpeg is None:
            raise Refused(404, "not_found")
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": _FOREVER})

    # --- the organiser's page ----------------------------------------------------------------------------------

    def status(self, request: Request) -> Response:
        with self._door.reading(request) as visit:
            campaign = visit.session.get_one(Campaign, visit.need_admin().campaign_id)
            found = campaign_status(visit.session, campaign)
            name = "status_tables.html" if "hx-request" in request.headers else "status.html"
            return self._page(visit, name, campaign=campaign.name, found=found)

    # --- files and errors --------------------------------------------------------------------------------------

    def static(self, version: str, name: str) -> Response:
        if name not in self._static:
            raise Refused(404, "not_found")
        return Response(self._static[name], media_type=STATIC[name], headers={"cache-control": _FOREVER})

    def refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        words = texts(best_interface(request.headers.get("accept-language", "")))
        if request.method == "POST":
            return JSONResponse({"error": words[error.text]}, status_code=error.status)
        page = self._templates.get_template("refused.html").render(words=words, text=error.text)
        return HTMLResponse(page, status_code=error.status)

    def no_page(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return self.refused(request, Refused(error.status_code, "not_found"))

    def wrong_body(self, request: Request, error: Exception) -> Response:
        """Say what is wrong, without what was sent: numbers and letters that JSON can't hold came that way."""
        assert isinstance(error, RequestValidationError)
        said = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return _unprocessable(said[0] if said else "the request can't be read")

    def _work(self, visit: Visit, request: Request, key: str | None) -> Response:
        expert = visit.need_expert()
        if expert.agreed is None:
            raise Refused(403, "no_link_text")
        shown: Shown | None = None if key is None else self._theirs(show, visit, expert, key)
        campaign = visit.session.get_one(Campaign, expert.campaign_id)
        progress = progress_of(visit.session, expert)
        name = "item.html" if "hx-request" in request.headers else "work.html"
        return self._page(visit, name, item=shown, progress=progress, settings=campaign.settings)

    @staticmethod
    def _theirs(find: Callable[..., _Found], visit: Visit, expert: Expert, *given: Any) -> _Found:
        try:
            return find(visit.session, expert, *given)
        except NotTheirs:
            raise Refused(404, "not_found") from None

    def _page(self, visit: Visit, name: str, **values: Any) -> Response:
        words = texts(visit.expert.interface)
        page = self._templates.get_template(name).render(
            words=words, expert=visit.expert.name, interface=visit.expert.interface, csrf=visit.csrf, **values
        )
        return HTMLResponse(page)
