"""Every way that Apertium has from one language to another here: directly, or through one language."""

from __future__ import annotations

from passerelle.translation.apertium import ApertiumTranslator
from passerelle.translation.apertium_modes import installed_modes


def pivot_engines(source: str, target: str) -> dict[str, ApertiumTranslator]:
    """Return engines that mark unknown words, by the language that they go through; the usual one first.

    Raises:
        ConfigError: Unknown language.
        MissingDependency: There is no way at all; the message says what to install.
    """
    first = ApertiumTranslator(source, target, mark_unknown=True)
    modes = installed_modes()
    chains = [(one.name, other.name) for one in modes for other in modes if one.source == first.source
              and one.target == other.source and other.target == first.target]  # fmt: skip
    engines = {" ".join(first.chain): first}
    for chain in chains:
        if chain != first.chain:
            engines[" ".join(chain)] = ApertiumTranslator(source, target, mark_unknown=True, chain=chain)
    return engines
