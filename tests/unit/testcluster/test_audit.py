import json
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import audit


def event(verb: str, resource: str, *, agent: str = "brood/0.1", namespace: str = "a", **target: Any) -> str:
    reference = {"resource": resource, "namespace": namespace, "name": "x"} | target
    return (
        json.dumps({"verb": verb, "userAgent": agent, "objectRef": reference, "responseStatus": {"code": 200}}) + "\n"
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.log"
    path.write_text(
        event("create", "pods")
        + event("patch", "jobruns", subresource="status")
        + event("patch", "jobruns", subresource="status")
        + event("watch", "pods")
        + event("create", "pods", namespace="b")
        + event("create", "pods", agent="kubectl/v1")
        + json.dumps({"verb": "get", "userAgent": "brood/0.1", "requestURI": "/readyz"})
        + "\n"
        + event("create", "events")[:30]  # being written
    )
    return path


def test_writes_are_counted_by_agent_and_namespace(log: Path) -> None:
    counted = audit.writes(log, agent="brood", namespace="a", settle=0)
    assert counted == {"create pods": 1, "patch jobruns/status": 2}


def test_without_a_namespace_all_are_counted(log: Path) -> None:
    assert audit.writes(log, agent="brood", settle=0)["create pods"] == 2
    assert audit.writes(log, settle=0)["create pods"] == 3


def test_requests_of_no_object_have_no_resource(log: Path) -> None:
    found = [one for one in audit.requests(log, settle=0) if one.verb == "get"]
    assert [(one.resource, one.code, one.is_write) for one in found] == [("", 0, False)]
