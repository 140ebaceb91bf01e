"""The generated CRDs on a real API server: what it takes, what it refuses, and what it shows."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from brood.api.crd import SIZE_LIMIT, files
from tests.cluster.access import Cluster
from tests.unit.api.cases import BAD, GOOD, Bad, Good, manifest

REFUSED = [case for case in BAD if case.server_path is not None]


def tried(kube: Cluster, obj: dict[str, Any]) -> str:
    """Return what kubectl says to the creation of an object, which is not kept."""
    return kube.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(obj), check=False)


@pytest.fixture
def name(kube: Cluster) -> Iterator[str]:
    """Give a name for a definition or run that goes after the test."""
    chosen = f"crds-{uuid.uuid4().hex[:8]}"
    yield chosen
    kube.kubectl("delete", "jd,jr", chosen, "--ignore-not-found", "--wait=false")


def patched(kube: Cluster, name: str, spec: dict[str, Any]) -> str:
    """Return what kubectl says to a merge patch of a run's spec."""
    return kube.kubectl("patch", "jr", name, "--type=merge", "-p", json.dumps({"spec": spec}), check=False)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.id)
def test_a_good_manifest_is_accepted(kube: Cluster, case: Good) -> None:
    assert "created" in tried(kube, manifest(case.kind, case.spec))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_a_bad_manifest_is_refused_and_the_field_is_named(kube: Cluster, case: Bad) -> None:
    answer = tried(kube, manifest(case.kind, case.spec))
    assert "created" not in answer
    assert case.server_path is not None
    assert case.server_path in answer


def test_at_least_25_bad_manifests_are_tried() -> None:
    assert len(REFUSED) >= 25


@pytest.mark.parametrize("kind", ["JobDefinition", "JobRun"])
def test_a_name_has_at_most_63_characters(kube: Cluster, kind: str) -> None:
    spec = "tasks: [{name: a}]" if kind == "JobDefinition" else "definitionRef: {name: a}"
    assert "created" in tried(kube, manifest(kind, spec, name="a" * 63))
    assert "metadata.name has at most 63 characters" in tried(kube, manifest(kind, spec, name="a" * 64))


def largest_definition() -> dict[str, Any]:
    """Return a definition of what the schema allows: 256 tasks, 32 local definitions of 64, all with many edges."""

    def graph(size: int, edges: int) -> list[dict[str, Any]]:
        names = [f"a-rather-long-name-of-a-task-{index:03}" for index in range(size)]
        tasks: list[dict[str, Any]] = []
        for index, task in enumerate(names):
            before = names[max(0, index - edges) : index]
            tasks.append({"name": task, "script": "true", "output": f"OUTPUT_{index}", "dependsOn": before})
            if index + 1 < size:
                tasks[-1] |= {"onFailed": names[index + 1], "onExitCode": [{"codes": [3], "task": names[index + 1]}]}
        forks = [{"name": task, "fork": {"definitionRef": {"name": "x"}, "params": {"A": "b"}}} for task in names[:16]]
        return [*forks, {"name": names[16], "await": {"tasks": names[:16]}}, *tasks[17:]]

    local = [{"name": f"l{index}", "params": [{"name": "P"}], "tasks": graph(64, edges=16)} for index in range(32)]
    params = [{"name": f"PARAM_{index}"} for index in range(128)]
    return manifest("JobDefinition", {"params": params, "tasks": graph(256, edges=64), "definitions": local})


def test_the_largest_definition_stays_within_the_cost_budget(kube: Cluster) -> None:
    largest = largest_definition()
    assert len(largest["spec"]["tasks"]) == 256
    assert "created" in tried(kube, largest)
    broken = largest_definition()
    broken["spec"]["definitions"][31]["tasks"][63]["dependsOn"] = ["nothing"]
    answer = tried(kube, broken)
    assert "spec.definitions[31].tasks" in answer
    assert "dependsOn names a task that does not exist" in answer


def test_params_of_the_largest_size_are_accepted(kube: Cluster, name: str) -> None:
    params = {f"P_{index}": "x" * 100_000 for index in range(4)}
    run = manifest("JobRun", {"definitionRef": {"name": "a"}, "params": params}, name=name)
    kube.kubectl("create", "-f", "-", input=json.dumps(run))
    assert "patched" in patched(kube, name, {"suspend": True})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"definitionRef": {"name": "other"}}, "definitionRef"),
        ({"params": {"A": "other"}}, "params"),
        ({"params": {"B": "more"}}, "params"),
        ({"params": None}, "params"),
        ({"rerunOf": {"name": "other"}}, "rerunOf"),
        ({"rerunOf": None}, "rerunOf"),
        ({"parentRef": {"index": 1}}, "parentRef"),
        ({"parentRef": None}, "parentRef"),
    ],
)
def test_what_a_run_was_made_for_never_changes(kube: Cluster, name: str, change: dict[str, Any], field: str) -> None:
    parent = {"name": "p", "uid": "u", "task": "t", "index": 0}
    spec = {"definitionRef": {"name": "a"}, "params": {"A": "b"}, "rerunOf": {"name": "c"}, "parentRef": parent}
    kube.kubectl("create", "-f", "-", input=json.dumps(manifest("JobRun", spec, name=name)))
    answer = patched(kube, name, change)
    assert f"spec.{field}: Invalid value" in answer
    assert f"{field} is immutable" in answer


@pytest.mark.parametrize("change", [{"params": {"A": "b"}}, {"rerunOf": {"name": "c"}}])
def test_what_a_run_was_not_made_for_is_not_added(kube: Cluster, name: str, change: dict[str, Any]) -> None:
    kube.kubectl("create", "-f", "-", input=json.dumps(manifest("JobRun", "definitionRef: {name: a}", name=name)))
    assert "is immutable" in patched(kube, name, change)


def test_a_shutdown_goes_one_way(kube: Cluster, name: str) -> None:
    kube.kubectl("create", "-f", "-", input=json.dumps(manifest("JobRun", "definitionRef: {name: a}", name=name)))
    assert "patched" in patched(kube, name, {"shutdown": "Interrupt"})
    assert "spec.shutdown" in patched(kube, name, {"shutdown": None})
    assert "patched" in patched(kube, name, {"shutdown": "Terminate"})
    assert "cannot be taken back" in patched(kube, name, {"shutdown": "Interrupt"})
    assert "patched" in patched(kube, name, {"suspend": True, "priority": 3, "ttlSecondsAfterFinished": 5})


def test_an_object_that_nobody_has_seen_says_so(kube: Cluster, name: str) -> None:
    for kind, spec in (("JobDefinition", "tasks: [{name: a}]"), ("JobRun", "definitionRef: {name: a}")):
        kube.kubectl("create", "-f", "-", input=json.dumps(manifest(kind, spec, name=name)))
        assert kube.get(kind, name)["status"] == {"observedGeneration": -1}


def test_defaults_are_filled_in_where_nothing_merges(kube: Cluster, name: str) -> None:
    spec = "{concurrency: {}, tasks: [{name: a, script: x, retryPolicy: {}, parallel: {items: [a]}}], history: {}}"
    kube.kubectl("create", "-f", "-", input=json.dumps(manifest("JobDefinition", spec, name=name)))
    stored = kube.get("jd", name)["spec"]
    assert stored["concurrency"] == {"maxActiveRuns": 1, "policy": "Queue"}
    assert stored["history"] == {"successful": 10, "failed": 10}
    assert stored["podRetention"] == "Always"
    (task,) = stored["tasks"]
    assert task["parallel"] == {"items": ["a"], "maxConcurrent": 8, "maxItems": 1000}
    assert task["retryPolicy"] == {}


def test_core_objects_and_items_are_kept_as_they_are(kube: Cluster, name: str) -> None:
    container = {"image": "a", "resources": {"limits": {"example.org/x": 1}}, "ports": [{"containerPort": 1}]}
    items = [None, 1, 1.5, True, "x", {"A": {"b": [1]}}, [[1], {}]]
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"tolerations": [{"operator": "Exists"}]}}
    task = {"name": "a", "container": container, "podTemplate": template, "parallel": {"items": items}}
    kube.kubectl("create", "-f", "-", input=json.dumps(manifest("JobDefinition", {"tasks": [task]}, name=name)))
    (stored,) = kube.get("jd", name)["spec"]["tasks"]
    assert (stored["container"], stored["podTemplate"], stored["parallel"]["items"]) == (container, template, items)


def test_a_client_that_is_not_strict_has_unknown_fields_dropped(kube: Cluster, name: str) -> None:
    spec = "{tasks: [{name: a, script: x, approval: true}], sidecars: []}"
    obj = json.dumps(manifest("JobDefinition", spec, name=name))
    kube.kubectl("create", "--validate=false", "-f", "-", input=obj)
    assert kube.get("jd", name)["spec"] == {"tasks": [{"name": "a", "script": "x"}], "podRetention": "Always"}


def test_tables_and_selection_show_the_status(kube: Cluster, name: str) -> None:
    kube.kubectl("create", "-f", "-", input=json.dumps(manifest("JobRun", "definitionRef: {name: video}", name=name)))
    kube.kubectl("create", "-f", "-", input=json.dumps(manifest("JobDefinition", "tasks: [{name: a}]", name=name)))
    status = {
        "status": {"phase": "Running", "progress": "5/7", "message": "waits for nothing", "observedGeneration": 1}
    }
    kube.kubectl("patch", "jr", name, "--subresource=status", "--type=merge", "-p", json.dumps(status))
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Valid",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    ready = {"status": {"revision": "video-1", "activeRuns": 2, "conditions": [condition]}}
    kube.kubectl("patch", "jd", name, "--subresource=status", "--type=merge", "-p", json.dumps(ready))
    header, row = kube.kubectl("get", "jr", name).splitlines()
    assert header.split() == ["NAME", "PHASE", "PROGRESS", "DEFINITION", "AGE"]
    assert row.split()[:4] == [name, "Running", "5/7", "video"]
    assert "waits for nothing" in kube.kubectl("get", "jr", name, "-o", "wide")
    header, row = kube.kubectl("get", "jd", name).splitlines()
    assert header.split() == ["NAME", "READY", "REVISION", "ACTIVE", "AGE"]
    assert row.split()[:4] == [name, "True", "video-1", "2"]
    assert name in kube.kubectl("get", "jr", "--field-selector", "status.phase=Running")
    assert name not in kube.kubectl("get", "jr", "--field-selector", "status.phase!=Running")
    assert kube.kubectl("get", "brood", "-o", "name").count(name) == 2


def test_the_spec_cannot_be_changed_through_the_status_nor_the_status_through_the_spec(
    kube: Cluster, name: str
) -> None:
    kube.kubectl("create", "-f", "-", input=json.dumps(manifest("JobRun", "definitionRef: {name: a}", name=name)))
    both = json.dumps({"spec": {"suspend": True}, "status": {"phase": "Running"}})
    kube.kubectl("patch", "jr", name, "--subresource=status", "--type=merge", "-p", both)
    stored = kube.get("jr", name)
    assert ("suspend" in stored["spec"], stored["status"]["phase"]) == (False, "Running")


def explained(kube: Cluster, field: str) -> str:
    """Return the manual of a field; the server publishes it some seconds after the CRD."""
    for _ in range(60):
        text = kube.kubectl("explain", field, check=False)
        if "DESCRIPTION" in text:
            break
        time.sleep(0.5)
    return text


def test_explain_is_the_manual(kube: Cluster) -> None:
    assert "never templated" in explained(kube, "jd.spec.tasks.script")
    assert "Cannot be taken back" in explained(kube, "jr.spec.shutdown")


def test_client_side_apply_has_room_for_the_files(kube: Cluster) -> None:
    for text in files().values():
        assert len(text.encode()) <= SIZE_LIMIT
        answer = kube.kubectl(
            "apply", "--dry-run=server", "--force-conflicts=false", "-f", "-", input=text, check=False
        )
        assert "Too long" not in answer
        assert yaml.safe_load(text)["metadata"]["name"] in answer
