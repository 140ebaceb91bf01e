"""What the operator says of a definition before any run of it: its own checks, and a real API server's word on every Pod."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.access import Cluster
from tests.kubernetes.arenas import Arena, arena, condition, definition, fresh, script
from tests.kubernetes.history import Object

WAIT = 30.0


@pytest.fixture(scope="module")
def place(kube: Cluster) -> Iterator[Arena]:
    with arena(kube) as made:
        yield made


def judged(place: Arena, name: str, generation: int = 1) -> Object:
    """Wait until the operator has looked at a generation, and return the definition."""
    deadline = time.monotonic() + WAIT
    while True:
        found: Object = place.cluster.get("jd", name, namespace=place.namespace)
        if found.get("status", {}).get("observedGeneration") == generation:
            return found
        assert time.monotonic() < deadline, found.get("status")
        time.sleep(0.05)


def applied(place: Arena, tasks: list[Object], **spec: Any) -> Object:
    name = fresh("d")
    place.apply(definition(name, tasks, **spec))
    return judged(place, name)


GOOD = script("fine", "true")
BAD: dict[str, tuple[list[Object], Object, str, str]] = {
    "a typo in a container field": (
        [GOOD, script("typo", "true", container={"image": "alpine", "imagePullPolcy": "Always"})],
        {},
        "spec.tasks[1]: the Pod of task typo",
        'unknown field "spec.containers[0].imagePullPolcy"',
    ),
    "a bad quantity": (
        [GOOD, script("huge", "true", container={"image": "alpine", "resources": {"limits": {"cpu": "much"}}})],
        {},
        "spec.tasks[1]: the Pod of task huge",
        "quantities must match",
    ),
    "an unknown field of a Pod in podTemplate": (
        [GOOD, script("placed", "true", podTemplate={"spec": {"nodeSelektor": {"disk": "ssd"}}})],
        {},
        "spec.tasks[1]: the Pod of task placed",
        'unknown field "spec.nodeSelektor"',
    ),
    "an unknown field of podTemplate itself": (
        [GOOD, script("placed", "true", podTemplate={"sepc": {}})],
        {},
        "spec.tasks[1].podTemplate.sepc",
        "unknown field",
    ),
    "a missing image": (
        [{"name": "nothing", "container": {"command": ["true"]}}],
        {"taskDefaults": {}},
        "spec.tasks[0]: the Pod of task nothing",
        "spec.containers[0].image: Required value",
    ),
    "a value that no Pod can have": (
        [GOOD, script("pulled", "true", container={"image": "alpine", "imagePullPolicy": "Sometimes"})],
        {},
        "spec.tasks[1]: the Pod of task pulled",
        "Unsupported value",
    ),
    "a handler's Pod": (
        [GOOD],
        {"handlers": {"onExit": {"script": "true", "container": {"workingDirectory": "/"}}}},
        "spec.handlers.onExit: the Pod of handler onExit",
        "workingDirectory",
    ),
    "a task of a local definition": (
        [GOOD, {"name": "call", "run": {"definitionRef": {"name": "inner"}}}],
        {"definitions": [{"name": "inner", "tasks": [script("deep", "true", container={"imag": "x"})]}]},
        "spec.definitions[0].tasks[0]: the Pod of task deep",
        "spec.containers[0].imag",
    ),
    "a mount without a volume": (
        [script("mounts", "true", container={"volumeMounts": [{"name": "none", "mountPath": "/none"}]})],
        {},
        "spec.tasks[0]: the Pod of task mounts",
        "volumeMounts",
    ),
    "a cycle": (
        [script("left", "true", dependsOn=["right"]), script("right", "true", dependsOn=["left"])],
        {},
        "spec.tasks[0]: tasks wait for each other",
        "left <- right <- left",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_run_is_invalid_before_any_run_naming_field_and_task(place: Arena, case: str) -> None:
    tasks, spec, where, words = BAD[case]
    found = applied(place, tasks, **spec)
    for kind, status in (("Ready", "False"), ("Stalled", "True")):
        said = condition(found, kind)
        assert (said["status"], said["reason"]) == (status, "InvalidSpec")
        assert where in said["message"]
        assert words in said["message"]
        assert said["observedGeneration"] == 1
    pods = condition(found, "PodsValidated")
    assert (pods["status"], pods["reason"]) in {("False", "PodInvalid"), ("Unknown", "NotChecked")}
    assert (pods["status"] == "False") == ("the Pod of" in where)


def test_a_good_definition_is_ready_with_validated_pods_and_no_pod_was_made(place: Arena) -> None:
    """Templates are rendered with defaults; what needs a run is left out, and is nobody's fault."""
    tasks = [
        script("build", "true", output="TAG", artifacts={"paths": ["{{ params.NEEDED }}"]}),
        script("use", "true", container={"image": "{{ params.NEEDED }}:{{ outputs.TAG }}"}, artifactsFrom=["build"]),
        {"name": "args", "container": {"image": "alpine:{{ params.VERSION }}", "args": ["{{ tasks['build'].phase }}"]}},
        script("each", "true", parallel={"items": [1, 2]}, pools=["gpu-{{ params.NEEDED }}"]),
        script("big", "true", container={"resources": {"requests": {"cpu": "1000", "memory": "1Ti"}}}),
    ]
    params = [{"name": "NEEDED", "required": True}, {"name": "VERSION", "default": "3.20"}]
    found = applied(place, tasks, params=params, handlers={"onFailure": {"script": "true"}})
    assert condition(found, "Ready")["status"] == "True"
    assert condition(found, "Stalled") == {}
    pods = condition(found, "PodsValidated")
    assert (pods["status"], pods["reason"], pods["observedGeneration"]) == ("True", "PodsAccepted", 1)
    definition_label = f"brood.dev/definition={found['metadata']['name']}"
    assert place.cluster.list("pods", namespace=place.namespace, selector=definition_label) == []


def test_a_mended_definition_recovers(place: Arena) -> None:
    name = fresh("d")
    place.apply(definition(name, [script("main", "true", container={"image": "alpine", "comand": ["x"]})]))
    assert condition(judged(place, name), "Stalled")["status"] == "True"
    place.apply(definition(name, [script("main", "true")]))
    found = judged(place, name, 2)
    assert condition(found, "Stalled") == {}
    assert condition(found, "Ready")["status"] == "True"
    assert condition(found, "PodsValidated")["status"] == "True"


def test_what_admission_forbids_is_no_verdict_and_never_stalls(kube: Cluster) -> None:
    """A namespace that enforces ``restricted``: 403 says nothing about the definition, which may run elsewhere."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    with arena(kube, labels=labels) as strict:
        found = applied(strict, [script("root", "true")])
        assert condition(found, "Ready")["status"] == "True"
        assert condition(found, "Stalled") == {}
        pods = condition(found, "PodsValidated")
        assert (pods["status"], pods["reason"]) == ("Unknown", "NotChecked")
        assert "PodSecurity" in pods["message"]
        assert "task root" in pods["message"]
