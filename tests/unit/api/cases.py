"""The tables in good.yaml and bad.yaml: what everybody, the API server too, must accept or refuse."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TABLES = Path(__file__).parent


@dataclass(frozen=True)
class Good:
    """A spec that is accepted."""

    id: str
    spec: dict[str, Any]
    kind: str = "JobDefinition"


@dataclass(frozen=True)
class Bad:
    """A spec that is refused.

    ``path`` is the field that our own message names, ``says`` a part of that message; ``server`` is what the API server
    names, empty where it is the same, None where a schema cannot see what is wrong.
    """

    id: str
    spec: Any
    path: str
    says: str
    server: str | None = ""
    kind: str = "JobDefinition"

    @property
    def server_path(self) -> str | None:
        """The field that the API server names."""
        return self.path if self.server == "" else self.server


def manifest(kind: str, spec: Any, name: str = "case") -> dict[str, Any]:
    """Return an object with that spec, given as YAML or as data."""
    return {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": yaml.safe_load(spec) if isinstance(spec, str) else spec,
    }


def table(name: str) -> list[dict[str, Any]]:
    """Return the rows of a table."""
    rows: list[dict[str, Any]] = yaml.safe_load((TABLES / name).read_text(encoding="utf-8"))
    return rows


GOOD = tuple(Good(**row) for row in table("good.yaml"))
BAD = tuple(Bad(**row) for row in table("bad.yaml"))
CONTRACT = GOOD[0].spec
"""The definition on the contract's page, with everything that it mentions."""
