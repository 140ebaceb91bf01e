from pathlib import Path
from typing import Any

import pytest

from brood.cluster.local.environment import POD_MARK, command_line, declared_variables, surroundings
from brood.cluster.local.expansion import expand
from brood.cluster.local.starting import Missing, Unstartable
from brood.cluster.port import Kind, Manifest
from tests.manifests import config_map, pod


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # from kubernetes third_party/forked/golang/expansion/expand_test.go
        ("$(VAR_A)", "A"),
        ("___$(VAR_B)___", "___B___"),
        ("___$(VAR_C)", "___C"),
        ("$(VAR_A)-$(VAR_B)", "A-B"),
        ("$(VAR_EMPTY)", ""),
        ("foo$(VAR_REF)", "foo$(VAR_A)"),
        ("$(VAR_DNE)", "$(VAR_DNE)"),
        ("$$(VAR_A)", "$(VAR_A)"),
        ("$$$(VAR_A)", "$A"),
        ("$$$$(VAR_A)", "$$(VAR_A)"),
        ("$VAR_A", "$VAR_A"),
        ("$", "$"),
        ("foo$", "foo$"),
        ("$$", "$"),
        ("$$$", "$$"),
        ("$(VAR_A", "$(VAR_A"),
        ("$(VAR_A$(VAR_B)", "$(VAR_A$(VAR_B)"),
        ("$()", "$()"),
        ("$(a b)", "$(a b)"),
        ("$((VAR_A)", "$((VAR_A)"),
        ("line\n$(VAR_A)\n", "line\nA\n"),
    ],
)
def test_references_expand_as_a_kubelet_expands_them(text: str, expected: str) -> None:
    variables = {"VAR_A": "A", "VAR_B": "B", "VAR_C": "C", "VAR_REF": "$(VAR_A)", "VAR_EMPTY": ""}
    assert expand(text, variables) == expected


def nothing(kind: Kind, namespace: str, name: str) -> Manifest:
    raise Missing(kind, namespace, name)


def found(_kind: Kind, _namespace: str, name: str) -> Manifest:
    return config_map(name, data={"KEY": "from the map", "OTHER": "$$ stays"})


def environment(container: dict[str, Any], find: Any = nothing) -> dict[str, str]:
    manifest = pod(meta={"uid": "the-uid", "labels": {"a": "b"}, "annotations": {"c/d": "e"}})
    return declared_variables(container, pod=manifest, find=find)


def test_the_caller_s_secrets_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    made = surroundings(pod(meta={"uid": "the-uid"}), Path("/state"))
    assert made["PATH"] == "/usr/bin:/bin"
    assert "AWS_SECRET_ACCESS_KEY" not in made
    assert made["HOSTNAME"] == "pod-1"
    assert made[POD_MARK] == "the-uid@/state"


def test_a_value_may_refer_to_what_stands_before_it_only() -> None:
    made = environment(
        {
            "env": [
                {"name": "A", "value": "$(B)"},
                {"name": "B", "value": "2"},
                {"name": "C", "value": "$(A)-$(B)-$$(B)"},
                {"name": "B", "value": "3"},
                {"name": "D", "value": "$(B)"},
                {"name": "E"},
            ]
        }
    )
    assert {name: made[name] for name in "ABCDE"} == {"A": "$(B)", "B": "3", "C": "$(B)-2-$(B)", "D": "3", "E": ""}


def test_the_machine_s_own_variables_are_not_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    assert environment({"env": [{"name": "A", "value": "$(HOME)"}]})["A"] == "$(HOME)"


def test_values_come_from_config_maps_and_fields() -> None:
    made = environment(
        {
            "envFrom": [{"prefix": "P_", "configMapRef": {"name": "m"}}],
            "env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "KEY"}}},
                {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a']"}}},
                {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['c/d']"}}},
                {"name": "E", "value": "$(P_KEY)"},
            ],
        },
        found,
    )
    assert [made[name] for name in ("A", "B", "C", "D", "E")] == ["from the map", "pod-1", "b", "e", "from the map"]
    assert made["P_OTHER"] == "$$ stays"


@pytest.mark.parametrize(
    "container",
    [
        {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "KEY"}}}]},
        {"envFrom": [{"configMapRef": {"name": "m"}}]},
    ],
)
def test_a_config_map_that_is_not_there_yet_is_waited_for(container: dict[str, Any]) -> None:
    with pytest.raises(Missing, match=r'configmap "m" not found'):
        environment(container)


def test_what_is_optional_may_be_missing() -> None:
    made = environment(
        {
            "envFrom": [
                {"configMapRef": {"name": "m", "optional": True}},
                {"secretRef": {"name": "s", "optional": True}},
            ],
            "env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "KEY", "optional": True}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
            ],
        }
    )
    assert not {"A", "B"} & made.keys()


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}, 'env A: secret "s"'),
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, 'secret "s" not found'),
        ({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "X"}}}]}, "find key X"),
        ({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]}, "resourceFieldRef"),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.x"}}}]}, r"status\.x"),
    ],
)
def test_what_this_cluster_does_not_have_is_refused_by_name(container: dict[str, Any], words: str) -> None:
    with pytest.raises(Unstartable, match=words):
        environment(container, found)


def test_command_and_args_are_expanded_over_the_whole_environment() -> None:
    container = {"command": ["sh", "-c"], "args": ["echo $$HOME $(A)", "$(X)"]}
    assert command_line(container, {"A": "1"}) == ["sh", "-c", "echo $HOME 1", "$(X)"]


def test_without_a_command_there_is_nothing_to_run() -> None:
    with pytest.raises(Unstartable, match="entrypoint of an image"):
        command_line({"image": "alpine", "args": ["x"]}, {})
