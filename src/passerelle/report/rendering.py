"""Pages beside the comparison's own: the same style, the same tables, and nothing asked of any network."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from passerelle.report.page import _asset, _policy

if TYPE_CHECKING:
    from jinja2 import Template

_BODY = "<!doctype html>"
"""What stands before it in the comparison's template are macros, which all pages share."""


def render(folder: str, name: str, **values: Any) -> str:
    """Make a page of a template; texts are escaped.

    Args:
        folder: Folder of the template inside of `passerelle.report`.
        name: Its file.
        values: What it shows. ``tables`` holds the tables that it names, by key.
    """
    from markupsafe import Markup

    style = _asset("page.css")
    # The style is a file of this package, not a text of users.
    return _template(folder, name).render(policy=_policy(style, ""), style=Markup(style), **values)


@cache
def _template(folder: str, name: str) -> Template:
    from jinja2 import Environment, StrictUndefined

    # Autoescape is what keeps texts of users and models texts.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    macros = _asset("template.html").partition(_BODY)[0]
    own = (resources.files("passerelle.report") / folder / name).read_text(encoding="utf-8")
    return environment.from_string(macros + own)
