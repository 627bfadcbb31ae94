"""The demo's catalog: demo.yaml with its addresses filled in.

A provider whose key is in the environment is the real one; the others are the simulator. The text
holds references to keys, never a key, so that it can be written to a file.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from catalog.presets import presets

_FILE = Path(__file__).with_name("demo.yaml")
_ADDRESS = re.compile(r"\$\{CLAVIS_([A-Z]+)_URL:-[^}]*\}")

# The variable that holds a provider's key, by the middle of its address variable; and its preset.
KEY_VARIABLES = {
    "ANTHROPIC": ("ANTHROPIC_API_KEY", "anthropic"),
    "OPENAI": ("OPENAI_API_KEY", "openai"),
    "GEMINI": ("GEMINI_API_KEY", "google"),
}


def demo_catalog(env: Mapping[str, str], simulator_url: str) -> str:
    """YAML text for `catalog.parse(text, env)` with the same environment."""

    def address(match: re.Match[str]) -> str:
        variable, preset = KEY_VARIABLES.get(match.group(1), (None, None))
        if variable is None or preset is None or not env.get(variable):
            return simulator_url
        return presets()[preset].base_url or simulator_url

    return _ADDRESS.sub(address, _FILE.read_text("utf-8"))


def real_providers(env: Mapping[str, str]) -> tuple[str, ...]:
    """The demo's providers that are real in this environment, for what the demo prints."""
    return tuple(preset for variable, preset in KEY_VARIABLES.values() if env.get(variable))
