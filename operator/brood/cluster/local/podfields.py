"""Which fields a Pod has, and of what type, as an API server says with `fieldValidation=Strict` (contract §1.1).

``podfields.json`` is written by ``python -m tests.podfields`` from the models of the Kubernetes client, whose import takes longer
than a whole `brood lint`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

ROOT: Final = "V1Pod"

_SCALARS: Final[Mapping[str, tuple[type, ...]]] = {
    "str": (str,),
    "datetime": (str,),
    "int": (int,),
    "bool": (bool,),
    "quantity": (str, int, float),
}
_QUANTITY: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?\d+)?")
_WORDS: Final = {"str": "a string; quote it", "datetime": "a time", "int": "an integer", "bool": "true or false"}


def problems(pod: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a server would not decode: unknown fields, and values of another type. A null is no value."""
    yield from _check(pod, ROOT, "")


@cache
def _table() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = json.loads(
        files(__package__).joinpath("podfields.json").read_text(encoding="utf-8")
    )
    return table


def _check(value: Any, type_: str, path: str) -> Iterator[str]:
    if value is None or type_ == "object":
        return
    if type_.startswith("["):
        if not isinstance(value, list):
            yield f"{path}: must be a list"
            return
        for at, one in enumerate(value):
            yield from _check(one, type_[1:], f"{path}[{at}]")
    elif type_ in _SCALARS:
        yield from _scalar(value, type_, path)
    elif not isinstance(value, Mapping):
        yield f"{path}: must be an object"
    elif type_.startswith("{"):
        for name, one in value.items():
            yield from _check(one, type_[1:], f"{path}.{name}")
    else:
        fields = _table()[type_]
        for name, one in value.items():
            below = f"{path}.{name}" if path else name
            if name in fields:
                yield from _check(one, fields[name], below)
            else:
                yield f'unknown field "{below}"'


def _scalar(value: Any, type_: str, path: str) -> Iterator[str]:
    if not isinstance(value, _SCALARS[type_]) or (isinstance(value, bool) and type_ != "bool"):
        yield f"{path}: must be {_WORDS.get(type_, 'a quantity such as 500m or 1Gi')}, not {json.dumps(value)[:40]}"
    elif type_ == "quantity" and not _QUANTITY.fullmatch(str(value)):
        yield f"{path}: must be a quantity such as 500m or 1Gi, not {json.dumps(value)[:40]}"
