"""``$(NAME)`` and ``$$`` in env, command and args, exactly as the kubelet expands them."""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:(\$)|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by the variable and ``$$`` by ``$``.

    A reference to an unknown name stays as written, and so does a ``$`` that begins neither (kubernetes
    ``third_party/forked/golang/expansion``).
    """
    if "$" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        name = match[2]
        return variables.get(name, f"$({name})")

    return _REFERENCE.sub(replace, text)
