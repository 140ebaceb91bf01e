"""The fields of core/v1 Pods, checked as an API server decodes them with `fieldValidation=Strict`."""

from typing import Any

import pytest

from brood.cluster.local.podfields import problems
from tests.podfields import TABLE, text


def test_the_table_is_what_the_client_says() -> None:
    assert TABLE.read_text(encoding="utf-8") == text(), "python -m tests.podfields"


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ({"imagee": "x"}, 'unknown field "spec.containers[0].imagee"'),
        ({"command": "sh"}, "spec.containers[0].command: must be a list"),
        ({"args": [1]}, "spec.containers[0].args[0]: must be a string; quote it, not 1"),
        ({"tty": "true"}, 'spec.containers[0].tty: must be true or false, not "true"'),
        ({"tty": 1}, "spec.containers[0].tty: must be true or false, not 1"),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"path": "x"}}}]}, 'unknown field "spec.containers[0].env[0].valueFrom.fieldRef.path"'),
        ({"ports": [{"containerPort": True}]}, "spec.containers[0].ports[0].containerPort: must be an integer, not true"),
        ({"resources": {"limits": {"cpu": "one"}}}, 'spec.containers[0].resources.limits.cpu: must be a quantity such as 500m or 1Gi, not "one"'),
        ({"securityContext": []}, "spec.containers[0].securityContext: must be an object"),
    ],
)  # fmt: skip
def test_what_a_server_would_not_decode_is_told_by_its_path(container: dict[str, Any], said: str) -> None:
    assert list(problems({"spec": {"containers": [container]}})) == [said]


def test_what_a_server_takes_is_not_told() -> None:
    container = {
        "resources": {"limits": {"cpu": 1, "memory": "1.5Gi"}, "requests": {"cpu": 0.5, "memory": "1e3"}},
        "livenessProbe": {"httpGet": {"port": "http"}, "tcpSocket": {"port": 80}},
        "env": [{"name": "A", "value": None}],
        "image": None,
    }
    labels = {"a": "b"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": labels}, "spec": {"containers": [container]}}
    assert list(problems(pod)) == []
