"""Which Pods of a definition are tried, and what of them is known before any run."""

from datetime import UTC, datetime
from typing import Any

import pytest

from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.status import JobDefinitionStatus
from brood.engine.dryrun import PLACEHOLDER_IMAGE, Trial, trials
from brood.views import DefinitionView, Meta

START = datetime(2026, 1, 1, tzinfo=UTC)
IMAGE = {"taskDefaults": {"container": {"image": "alpine:3.20"}}}


def view(tasks: list[dict[str, Any]], **spec: Any) -> DefinitionView:
    parsed = JobDefinitionSpec.from_json({"tasks": tasks, **spec})
    return DefinitionView(Meta("team", "jobs", "uid-1", "1", START), parsed, JobDefinitionStatus(), "jobs-1")


def tried(tasks: list[dict[str, Any]], **spec: Any) -> list[Trial]:
    return list(trials(view(tasks, **spec)))


def script(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "script": "true", **more}


def test_each_different_pod_is_tried_once_and_named_by_its_first_task() -> None:
    tasks = [script("a"), script("b", output="B"), script("c", container={"image": "busybox:1"}), {"name": "junction"}]
    found = tried(tasks, **IMAGE)
    assert [(one.path, one.title) for one in found] == [("spec.tasks[0]", "task a"), ("spec.tasks[2]", "task c")]


def test_handlers_local_definitions_and_parallel_bodies_have_pods_too() -> None:
    local = {"name": "inner", "tasks": [{"name": "x"}, script("y", container={"image": "inner:1"})]}
    each = script("each", parallel={"items": [1, 2]}, container={"image": "each:1"})
    call = {"name": "call", "run": {"definitionRef": {"name": "inner"}}}
    handlers = {"onExit": {"script": "true", "container": {"image": "handler:1"}}}
    found = tried([each, call], definitions=[local], handlers=handlers)
    assert [(one.path, one.title, one.request.container["image"]) for one in found] == [
        ("spec.tasks[0]", "task each", "each:1"),
        ("spec.handlers.onExit", "handler onExit", "handler:1"),
        ("spec.definitions[0].tasks[1]", "task y", "inner:1"),
    ]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("alpine:{{ params.TAG }}", "alpine:3.20"),
        ("{{ params.FREE }}", PLACEHOLDER_IMAGE),
        ("{{ params.NEEDED }}", PLACEHOLDER_IMAGE),
        ("{{ outputs.BUILT }}", PLACEHOLDER_IMAGE),
        ("registry/{{ run.namespace }}", "registry/team"),
        ("alpine", "alpine"),
    ],
)
def test_an_image_is_rendered_with_defaults_or_has_a_placeholder(image: str, expected: str) -> None:
    params = [{"name": "TAG", "default": "3.20"}, {"name": "FREE"}, {"name": "NEEDED", "required": True}]
    tasks = [script("build", output="BUILT"), script("use", container={"image": image})]
    assert tried(tasks, params=params)[1].request.container["image"] == expected


def test_a_missing_image_stays_missing() -> None:
    assert "image" not in tried([script("a")])[0].request.container


def test_what_needs_a_run_is_left_out_of_command_args_and_env() -> None:
    container = {
        "image": "alpine",
        "command": ["sh", "{{ params.A }}"],
        "args": ["{{ params.B }}", "$(HOME)"],
        "env": [{"name": "X", "value": "{{ params.B }}"}, {"name": "Y", "value": "{{ params.A }}"}],
    }
    env = [{"name": "E", "value": "{{ params.B }}"}, {"name": "F", "value": "{{ params.A }}"}]
    task = {"name": "a", "container": container, "env": env}
    request = tried([task], params=[{"name": "A", "default": "$1"}, {"name": "B"}])[0].request
    assert request.container["command"] == ["sh", "$$1"]
    assert request.container["args"] == ["", "$(HOME)"]
    assert request.container["env"] == [{"name": "X", "value": ""}, {"name": "Y", "value": "$$1"}]
    assert [one["value"] for one in request.env] == ["", "$1"]


def test_a_task_with_artifacts_has_a_volume_in_its_trial() -> None:
    tasks = [script("a", artifacts={"paths": ["{{ params.P }}"]}), script("b", artifactsFrom=["a"]), script("c")]
    volumes = [one.request.volume is not None for one in tried(tasks, params=[{"name": "P"}])]
    assert volumes == [True, True, False]
