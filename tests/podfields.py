"""``python -m tests.podfields``: write the table of core/v1 Pod fields that `brood lint` checks by, from the Kubernetes client's models."""

import json
import re
from pathlib import Path
from typing import Any

from kubernetes.aio.client import models

import brood.cluster.local

TABLE = Path(brood.cluster.local.__file__).with_name("podfields.json")
QUANTITIES = {"limits", "requests", "overhead", "sizeLimit", "divisor", "capacity"}
"""Fields that are quantities, which the models call text: JSON may hold a number there."""


def table() -> dict[str, dict[str, str]]:
    """Return the fields of a Pod and of all types below it: the type's name, after ``[`` a list's, after ``{`` a map's."""
    found: dict[str, dict[str, str]] = {}
    todo = ["V1Pod"]
    while todo:
        name = todo.pop()
        model: Any = getattr(models, name)
        fields = {model.attribute_map[field]: _type(said) for field, said in model.openapi_types.items()}
        fields |= {field: fields[field].replace("str", "quantity") for field in QUANTITIES & set(fields)}
        if name == "V1Pod":
            del fields["status"]
        found[name] = dict(sorted(fields.items()))
        types = {one.lstrip("[{") for one in fields.values()}
        todo += sorted(one for one in types if hasattr(models, one) and one not in found and one not in todo)
    return dict(sorted(found.items()))


def _type(said: str) -> str:
    return re.sub(r"List\[(.*)\]", r"[\1", re.sub(r"Dict\[str, (.*)\]", r"{\1", said))


def text() -> str:
    """Return the file."""
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in table().items()) + "\n}\n"


if __name__ == "__main__":
    TABLE.write_text(text(), encoding="utf-8")
