"""What a life came to, so that two of them can be compared."""

import re
from collections import Counter
from typing import Any

from brood.api import labels
from brood.cluster.port import Kind, Manifest
from tests.local.faults.play import Life

_HASHES = re.compile(r"-[a-z2-7]{10}\b|\.[0-9a-f]{8}(?=/)|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}")
_TRANSIENT = ("Time", "podName", "childName", "Since")


def _plain(value: Any) -> Any:
    """Return a copy without times, and without what of names differs from one life to another."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in sorted(value.items()) if not key.endswith(_TRANSIENT)}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return _HASHES.sub("-#", value) if isinstance(value, str) else value


def outcome(life: Life) -> dict[str, Any]:
    """Return what is stored at the end: statuses by place, contents of large outputs, how many Pods and children."""
    runs: dict[str, Any] = {}
    for run in life.runs():
        status = _plain(run["status"])
        for name, at in sorted(run["status"].get("outputRefs", {}).items()):
            content = life.store.get(Kind.CONFIG_MAP, "default", at["configMap"])["data"][at["key"]]
            status["outputRefs"][name] = content
        attempt = run["metadata"].get("labels", {}).get(labels.ATTEMPT, "1")
        runs[f"{life.place(run)}#{attempt}"] = status
    pods = Counter(
        f"{life.place(one)}#{one['metadata']['labels'][labels.ATTEMPT]} {one['status']['phase']}"
        for one in life.store.list(Kind.POD).items
    )
    definitions = {one["metadata"]["name"]: _plain(one["status"]) for one in life.store.list(Kind.JOB_DEFINITION).items}
    for status in definitions.values():
        status.setdefault("activeRuns", 0)  # 0 is not written where nothing else was
    claims = Counter(life.place(_owner(life, one)) for one in life.store.list(Kind.CLAIM).items)
    kept = dict(sorted(pods.items())) if life.scenario.stays else {}
    return {"runs": runs, "pods": kept, "definitions": definitions, "claims": dict(claims)}


def _owner(life: Life, manifest: Manifest) -> Manifest:
    there = {one["metadata"]["uid"]: one for one in life.runs()}
    return next(there[one["uid"]] for one in manifest["metadata"]["ownerReferences"] if one["uid"] in there)


_COUNTS = ("attempt", "takenOver", "infraRetries", "message", "failures", "suspendedSeconds", "url")


def essence(found: dict[str, Any]) -> dict[str, Any]:
    """Return what of an outcome stays the same where Pods were lost: phases, codes, items, outputs; no attempts."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(one) for key, one in value.items() if key not in _COUNTS}
        return [strip(one) for one in value] if isinstance(value, list) else value

    return {"runs": strip(found["runs"]), "claims": found["claims"]}


def differences(found: Any, wanted: Any, at: str = "") -> list[str]:
    """Say in lines where two outcomes differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted(found.keys() | wanted.keys())
        return [line for key in keys for line in differences(found.get(key), wanted.get(key), f"{at}.{key}")]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = enumerate(zip(found, wanted, strict=True))
        return [line for index, (one, two) in pairs for line in differences(one, two, f"{at}[{index}]")]
    return [] if found == wanted else [f"{at}: {found!r}, not {wanted!r}"]
