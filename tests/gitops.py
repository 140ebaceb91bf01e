"""Argo CD and Flux as far as brood has something to tell them: their rules, over the files of deploy/."""

from collections.abc import Mapping
from typing import Any

import cel
import yaml
from lupa.lua51 import LuaRuntime, lua_type

from tests.cluster.places import PROJECT

Object = dict[str, Any]


class Argo:
    """Runs the Lua of deploy/argocd/argocd-cm.yaml as Argo CD does: `obj` is the object, the script returns the answer."""

    def __init__(self) -> None:
        self._data = yaml.safe_load((PROJECT / "deploy/argocd/argocd-cm.yaml").read_text())["data"]

    def health(self, found: Object) -> str:
        """Return Healthy, Progressing, Suspended or Degraded."""
        answer = _lua(self._data[f"resource.customizations.health.brood.dev_{found['kind']}"], found)
        assert isinstance(answer.get("message"), str)
        return str(answer["status"])

    def actions(self, found: Object) -> set[str]:
        """Return the actions that are offered."""
        offered = _lua(self._actions(found)["discovery.lua"], found)
        return {name for name, one in offered.items() if not one["disabled"]}

    def act(self, found: Object, action: str) -> Any:
        """Return what an action answers: the object as it shall be, or a list of operations."""
        [text] = [one["action.lua"] for one in self._actions(found)["definitions"] if one["name"] == action]
        return _lua(text, found)

    def _actions(self, found: Object) -> Mapping[str, Any]:
        actions: Mapping[str, Any] = yaml.safe_load(
            self._data[f"resource.customizations.actions.brood.dev_{found['kind']}"]
        )
        return actions


def _lua(text: str, found: Object) -> Any:
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals()["obj"] = lua.table_from(found, recursive=True)
    return _plain(lua.execute(text))


def _plain(value: Any) -> Any:
    if lua_type(value) != "table":
        return value
    items = {key: _plain(one) for key, one in value.items()}
    return [*items.values()] if items and all(isinstance(key, int) for key in items) else items


def flux(found: Object) -> str:
    """Return InProgress, Failed or Current by the expressions of deploy/flux, in the order of Flux' RFC 0009."""
    checks = yaml.safe_load((PROJECT / "deploy/flux/health-checks.yaml").read_text())["spec"]["healthCheckExprs"]
    [check] = [one for one in checks if (one["apiVersion"], one["kind"]) == (found["apiVersion"], found["kind"])]
    if found["status"].get("observedGeneration") != found["metadata"]["generation"]:
        return "InProgress"
    words = {"inProgress": "InProgress", "failed": "Failed", "current": "Current"}
    return next((word for key, word in words.items() if key in check and cel.evaluate(check[key], found)), "InProgress")
