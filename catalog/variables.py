"""`{region}` in a provider's address and base paths, filled in from its `variables`.

Clouds give every customer an address or a path of his own: a region in the host, a project in the
path. A preset writes the place as a variable, the provider says its value, and an account may say
another one, so that accounts of several regions or projects share one provider.
"""

import re
from collections.abc import Mapping

_PLACE = re.compile(r"\{([a-z_]+)\}")

# Stands for a value where only the form of a template is judged.
ANY = "x"


def names(template: str) -> tuple[str, ...]:
    """The variables of a template, in order."""
    return tuple(dict.fromkeys(_PLACE.findall(template)))


def filled(template: str, values: Mapping[str, str]) -> str:
    """The text with every variable replaced. Raises KeyError for one that has no value."""
    if "{" not in template:
        return template
    return _PLACE.sub(lambda match: values[match[1]], template)


def sample(template: str) -> str:
    """The text with something in each place."""
    return _PLACE.sub(ANY, template)
