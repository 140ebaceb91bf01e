"""The user's Pod template goes under what brood builds, list by list (contract §1.1)."""

from typing import Any

import pytest

from brood.pods.merge import merge


@pytest.mark.parametrize(
    ("under", "over", "expected"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": {"x": 1, "y": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({"a": "text"}, {"a": {"y": 2}}, {"a": {"y": 2}}),
        ({"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
        (
            {"containers": [{"name": "a", "x": 1}, {"name": "main", "x": 1, "y": 1}]},
            {"containers": [{"name": "main", "y": 2}, {"name": "c"}]},
            {"containers": [{"name": "a", "x": 1}, {"name": "main", "x": 1, "y": 2}, {"name": "c"}]},
        ),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]},
            {"env": [{"name": "A", "valueFrom": {}}]},
            {"env": [{"name": "A", "valueFrom": {}}, {"name": "B", "value": "1"}]},
        ),
        (
            {"volumes": [{"name": "v", "hostPath": {}}]},
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            {"volumes": [{"name": "v", "emptyDir": {}}]},
        ),
        (
            {"volumeMounts": [{"name": "a", "mountPath": "/x", "subPath": "s"}]},
            {"volumeMounts": [{"name": "b", "mountPath": "/x"}]},
            {"volumeMounts": [{"name": "b", "mountPath": "/x"}]},
        ),
        (
            {"ports": [{"containerPort": 1}]},
            {"ports": [{"containerPort": 2}]},
            {"ports": [{"containerPort": 1}, {"containerPort": 2}]},
        ),
        (
            {"containers": ["garbage", {"no": "name"}]},
            {"containers": [{"name": "main"}]},
            {"containers": ["garbage", {"no": "name"}, {"name": "main"}]},
        ),
        ({"containers": "garbage"}, {"containers": [{"name": "main"}]}, {"containers": [{"name": "main"}]}),
        ({"env": [{"name": ["x"]}]}, {"env": [{"name": "A"}]}, {"env": [{"name": ["x"]}, {"name": "A"}]}),
    ],
)
def test_what_is_merged_and_what_replaces(under: Any, over: Any, expected: Any) -> None:
    assert merge(under, over) == expected
