"""What all pages share: one layout, one style, the same tables, and nothing asked of any network."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

_STYLE = "page.css"


def render(name: str, *, scripts: tuple[str, ...] = (), **values: Any) -> str:
    """Make a page of a template; texts are escaped.

    Args:
        name: The template's file.
        scripts: Files of the page's script, which follow each other.
        values: What it shows: ``title``, ``headline``, ``warnings``, ``facts`` (pairs of a name and a value), and what
            the template names. ``tables`` holds the tables, by key.
    """
    from markupsafe import Markup

    style, script = _asset(_STYLE), "".join(map(_asset, scripts))
    values |= {"policy": _policy(style, script)}
    # Both are files of this package, not texts of users or models.
    values |= {"style": Markup(style), "script": Markup(script)}
    return _environment().get_template(name).render({"headline": "", "warnings": (), "tables": {}} | values)


def language_tag(code: str) -> str:
    """Return a language code where it is fit for a ``lang`` attribute, else an empty one: unknown."""
    return code if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", code) else ""


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Autoescape is what keeps texts of users and models texts.
    return Environment(
        loader=PackageLoader("passerelle.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def _asset(name: str) -> str:
    return (resources.files("passerelle.report") / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Allow this page's own style and script, pictures inside it, and nothing else."""

    def digest(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; img-src data:; style-src {digest(style)}; script-src {digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
