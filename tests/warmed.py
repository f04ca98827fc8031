"""What takes long to load and is the same for all: whoever imports this has it, and so have those forked from it."""

from __future__ import annotations

import gc


def _load() -> None:
    """Import what commands import, and the words of languages and of those that a text may be in instead."""
    import transformers.models.llava.modeling_llava  # noqa: F401
    import uvicorn  # noqa: F401

    import passerelle.cli  # noqa: F401
    import passerelle.comparison.run  # noqa: F401
    from passerelle.languages.contrast import contrasts
    from passerelle.machine import spare_imports

    for language, text in (("fr", "un chat noir"), ("en", "a black cat")):
        contrasts(text.split(), language)
    spare_imports()


gc.disable()  # all of it stays
_load()
gc.enable()
