"""What a new user gets wrong: one clear message that names the thing, where it is looked for; and the rest goes on."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.cluster.access import Cluster
from tests.kubernetes.arenas import Arena, arena, condition, definition, row, run, script
from tests.kubernetes.history import Object

MISSING_IMAGE = "no-such/image:1"
LATER = script("main", "echo late", output="SAID")


def _scene() -> list[Object]:
    """Return everything wrong that the API server lets pass, and one healthy run among it."""
    leaf = [script("main", "true")]
    named = {"fork": {"definitionRef": {"type": "leaf", "version": "9.9"}}}
    return [
        definition("unknown-task", [script("first", "true", when="{{ outputs.NOWHERE == 'x' }}")]),
        run("unknown-output", "unknown-task"),
        definition("cycle", [script("left", "true", dependsOn=["right"]), script("right", "true", dependsOn=["left"])]),
        run("cycle", "cycle"),
        definition("asks", leaf, params=[{"name": "WHO", "required": True}, {"name": "HOW", "enum": ["loud", "low"]}]),
        run("param-missing", "asks"),
        run("param-unknown", "asks", params={"WHO": "me", "WOH": "typo"}),
        run("param-outside", "asks", params={"WHO": "me", "HOW": "so-so"}),
        definition("no-image", [script("main", "true", container={"image": MISSING_IMAGE}, imagePullTimeoutSeconds=4)]),
        run("no-image", "no-image"),
        definition("exits-3", [script("main", "echo so far >&2; echo 'disk is full' >&2; exit 3")]),
        run("exits-3", "exits-3"),
        run("too-early", "later"),
        run("never", "nowhere"),
        definition("leaf-1", leaf, type="leaf", version="1.0"),
        definition("forks", [{"name": "fork", **named}]),
        run("forks", "forks"),
        definition("bad-pod", [script("main", "true", container={"resources": {"limits": {"cpu": "x"}}})]),
        run("bad-pod", "bad-pod"),
        definition("healthy", [script("main", "sleep 1; echo fine", output="SAID")]),
        run("healthy", "healthy"),
        run("healthy-too", "healthy"),
    ]


@pytest.fixture(scope="module")
def scene(kube: Cluster) -> Iterator[Arena]:
    """Give a namespace where all that was applied at once."""
    with arena(kube) as made:
        made.apply(*_scene())
        yield made


def said(found: Object) -> tuple[str, str, str]:
    """Return phase, reason and message of an ended run."""
    result = condition(found, "Succeeded")
    return found["status"]["phase"], result["reason"], result["message"]


def test_yaml_that_does_not_parse_is_refused_by_kubectl_with_the_line(scene: Arena) -> None:
    text = "apiVersion: brood.dev/v1alpha1\nkind: JobRun\nmetadata: {name: x\nspec: {}\n"
    answer = scene.cluster.kubectl("apply", "-n", scene.namespace, "-f", "-", input=text, check=False)
    assert "error parsing" in answer
    assert "line" in answer


def test_an_unknown_field_is_refused_by_its_name(scene: Arena) -> None:
    typo = run("typo", "healthy", parms={"WHO": "me"})
    answer = scene.cluster.kubectl("apply", "-n", scene.namespace, "-f", "-", input=json.dumps(typo), check=False)
    assert 'unknown field "spec.parms"' in answer


def test_an_unknown_task_name_is_refused_with_the_field(scene: Arena) -> None:
    bad = definition("bad-edge", [script("first", "true"), script("second", "true", dependsOn=["frist"])])
    answer = scene.cluster.kubectl("apply", "-n", scene.namespace, "-f", "-", input=json.dumps(bad), check=False)
    assert 'JobDefinition "bad-edge" is invalid' in answer
    assert "dependsOn" in answer


def test_the_operator_says_which_output_a_template_names_in_vain(scene: Arena) -> None:
    found = _stalled(scene, "unknown-task")
    assert "tasks[0].when" in found
    assert "NOWHERE" in found


def test_a_cycle_is_named_on_the_definition(scene: Arena) -> None:
    found = _stalled(scene, "cycle")
    assert "left" in found
    assert "right" in found
    assert "cycle" in found


def test_a_run_of_an_invalid_definition_says_so_and_makes_nothing(scene: Arena) -> None:
    waits = scene.history.run_is("cycle", lambda one: condition(one, "Reconciling") or condition(one, "Stalled"))
    assert "cycle" in str(waits["status"]["conditions"])
    assert scene.history.ever("pods", run="cycle") == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("param-missing", "WHO"), ("param-unknown", "WOH"), ("param-outside", "HOW")],
)
def test_f10_wrong_params_are_named_before_any_pod(scene: Arena, name: str, words: str) -> None:
    phase, reason, message = said(scene.ended(name))
    assert (phase, reason) == ("Failed", "InvalidParams")
    assert words in message
    assert scene.history.ever("pods", run=name) == []


def test_an_image_that_does_not_exist_is_named(scene: Arena) -> None:
    found = scene.ended("no-image")
    assert said(found)[:2] == ("Failed", "TaskFailed")
    assert row(found, "main")["reason"] == "ImagePullFailed"
    assert MISSING_IMAGE in row(found, "main")["message"]
    assert "main" in said(found)[2]


def test_a_script_that_exits_with_3_shows_code_and_last_lines(scene: Arena) -> None:
    found = scene.ended("exits-3")
    assert said(found)[:2] == ("Failed", "TaskFailed")
    failed = row(found, "main")
    assert (failed["reason"], failed["exitCode"], failed["attempt"]) == ("ExitCode", 3, 1)
    assert "disk is full" in failed["message"]
    assert len(scene.history.ever("pods", run="exits-3")) == 1


def test_a_definition_that_does_not_exist_is_waited_for_and_named(scene: Arena) -> None:
    waits = scene.history.run_is("never", lambda one: condition(one, "Reconciling"))
    said_so = condition(waits, "Reconciling")
    assert said_so["reason"] == "DefinitionNotFound"
    assert "nowhere" in said_so["message"]
    assert waits["status"]["phase"] == "Pending"


def test_a_definition_may_come_after_its_run(scene: Arena) -> None:
    scene.history.run_is("too-early", lambda one: condition(one, "Reconciling"))
    scene.apply(definition("later", [LATER]))
    assert scene.ended("too-early")["status"]["outputs"] == {"SAID": "late"}


def test_a_pod_that_the_server_finds_invalid_is_explained(scene: Arena) -> None:
    found = scene.ended("bad-pod")
    failed = row(found, "main")
    assert failed["reason"] == "InvalidPod"
    assert "cpu" in failed["message"] or "quantit" in failed["message"]


def test_o5_the_same_run_applied_twice_is_one_run(scene: Arena) -> None:
    scene.ended("healthy")
    uid = scene.cluster.get("jr", "healthy", namespace=scene.namespace)["metadata"]["uid"]
    answer = scene.cluster.apply(run("healthy", "healthy"), namespace=scene.namespace)
    assert "unchanged" in answer
    time.sleep(1)
    again = scene.cluster.get("jr", "healthy", namespace=scene.namespace)
    assert again["metadata"]["uid"] == uid
    assert len(scene.history.ever("pods", run="healthy")) == 1


def test_a_second_run_of_one_name_with_other_params_is_refused(scene: Arena) -> None:
    other = run("healthy", "healthy", params={"WHO": "you"})
    answer = scene.cluster.kubectl("apply", "-n", scene.namespace, "-f", "-", input=json.dumps(other), check=False)
    assert 'JobRun "healthy" is invalid' in answer
    assert "params" in answer
    assert "immutable" in answer


def test_the_healthy_runs_beside_all_that_succeed(scene: Arena) -> None:
    for name in ("healthy", "healthy-too"):
        assert scene.ended(name)["status"]["outputs"] == {"SAID": "fine"}


def test_a_failure_is_told_once_as_an_event(scene: Arena) -> None:
    found = scene.ended("exits-3")
    uid = found["metadata"]["uid"]
    events = scene.cluster.list("events", namespace=scene.namespace)
    events = [one for one in events if one["involvedObject"].get("uid") == uid]
    assert [one["type"] for one in events].count("Warning") == 1
    assert len(events) <= 2


def _stalled(scene: Arena, name: str) -> str:
    """Wait until a definition says that it is invalid, and return what it says of it."""
    scene.cluster.wait(f"jd/{name}", "condition=Stalled", namespace=scene.namespace, seconds=20)
    found = scene.cluster.get("jd", name, namespace=scene.namespace)
    ready, stalled = condition(found, "Ready"), condition(found, "Stalled")
    assert (ready["status"], ready["reason"], stalled["reason"]) == ("False", "InvalidSpec", "InvalidSpec")
    return str(ready["message"])


def test_f2_a_fork_of_a_version_that_does_not_exist_fails_and_names_it(scene: Arena) -> None:
    """It waits 30 s for it first."""
    found = scene.ended("forks")
    assert said(found)[:2] == ("Failed", "TaskFailed")
    failed = row(found, "fork")
    assert failed["reason"] == "DefinitionNotFound"
    assert "leaf" in failed["message"]
    assert "9.9" in failed["message"]
