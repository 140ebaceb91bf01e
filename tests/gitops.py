"""Argo CD and Flux as far as brood has something to tell them: their rules, over the files of deploy/.

Every answer is given twice: here, and by the libraries that these tools themselves use (`tests/cluster/gomod/gitops`:
Flux' kstatus and CEL, Argo CD's Lua), where those are built. `make test` builds them; without Go there is ours alone.
"""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import cel
import yaml
from lupa.lua51 import LuaRuntime, lua_type

from tests.cluster import binaries
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


def kstatus(found: Object) -> str:
    """Return what kstatus says of an object of a kind that it does not know: Terminating, InProgress, Failed or Current.

    https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md; Flux, kpt and `kubectl` plugins go by it.
    """
    return str(_agreed(_kstatus(found), object=found))


def flux(found: Object) -> str:
    """Return InProgress, Failed or Current by the expressions of deploy/flux, in the order of Flux' RFC 0009."""
    checks = yaml.safe_load((PROJECT / "deploy/flux/health-checks.yaml").read_text())["spec"]["healthCheckExprs"]
    [check] = [one for one in checks if (one["apiVersion"], one["kind"]) == (found["apiVersion"], found["kind"])]
    words = {"inProgress": "InProgress", "failed": "Failed", "current": "Current"}
    if found["status"].get("observedGeneration") != found["metadata"]["generation"]:
        answer = "InProgress"
    else:
        true = (word for key, word in words.items() if key in check and cel.evaluate(check[key], found))
        answer = next(true, "InProgress")
    return str(_agreed(answer, object=found, checks={key: check[key] for key in words if key in check}))


def _kstatus(found: Object) -> str:
    metadata, status = found["metadata"], found.get("status", {})
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", metadata.get("generation")) != metadata.get("generation"):
        return "InProgress"
    conditions = status.get("conditions", [])
    for one in conditions:
        if one["status"] == "True" and one["type"] in ("Reconciling", "Stalled"):
            return "InProgress" if one["type"] == "Reconciling" else "Failed"
    ready = {one["status"] for one in conditions if one["type"] == "Ready"}
    return "Current" if ready <= {"True"} else "InProgress"


def _lua(text: str, found: Object) -> Any:
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals()["obj"] = lua.table_from(found, recursive=True)
    return _agreed(_plain(lua.execute(text)), object=found, script=text)


def _plain(value: Any) -> Any:
    """Return a table as a list or an object; an empty one is a list, as Argo CD takes it before it mends that."""
    if lua_type(value) != "table":
        return value
    items = {key: _plain(one) for key, one in value.items()}
    return [*items.values()] if all(isinstance(key, int) for key in items) else items


def _agreed(answer: Any, **question: Any) -> Any:
    program = binaries.program("gitops")
    if program.exists():
        done = subprocess.run([program], input=json.dumps(question), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == answer
    return answer
