"""The rights that the chart gives the operator, held against what it asks an API server for: none is missing, none is idle."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.access import Cluster
from tests.cluster.audit import requests
from tests.kubernetes.arenas import Arena, arena, definition, row, run, script
from tests.kubernetes.charts import Object, render
from tests.kubernetes.rights import ACCOUNT

LARGE = script("large", "head -c 60000 /dev/zero | tr '\\0' x", output="LARGE")
FILES = {"paths": ["file.txt"]}
Right = tuple[str, str]

IN_AN_EMERGENCY: set[Right] = {
    ("get", "jobdefinitions"),  # one that cannot be read gets a condition that says so
    ("get", "jobruns"),  # the same; and whether one that a Pod names is really gone
    ("get", "pods"),  # a create or patch met another one's write
    ("list", "controllerrevisions"),  # a server before Kubernetes 1.34 does not stream what exists
    ("list", "persistentvolumeclaims"),  # the same
    ("list", "events"),  # why a claim has no volume yet
    ("update", "jobruns/finalizers"),  # no request: the admission of owner references asks for it, here as on OpenShift
}
"""Rights that no request here is made of."""


def _has_ended(arena: Arena, name: str) -> bool:
    return any("completionTime" in one.object.get("status", {}) for one in arena.history.events("jobruns", name))


@pytest.fixture(scope="module")
def busy(kube: Cluster) -> Iterator[Arena]:
    """Give an arena in which an operator has done all that operators do, with a restart in between."""
    with arena(kube) as made:
        if kube.audit_log is None:
            pytest.skip("the cluster writes no audit log")
        for edition in range(12):
            made.apply(
                definition("edited", [{"name": "junction"}], description=str(edition)),
                run(f"edited-{edition}", "edited", ttlSecondsAfterFinished=0),
            )
            made.history.until(lambda: _has_ended(made, f"edited-{edition}"), "the end of a run that goes with it")  # noqa: B023
        late = script("late", "true", dependsOn=["pause"], when="{{ outputs.LARGE | length > 9 }}")
        kept = script("kept", "echo x > file.txt", artifacts=FILES)
        made.apply(
            definition("values", [LARGE, script("pause", "sleep 5"), late]),
            definition("files", [kept, script("fails", "exit 1", artifactsFrom=["kept"])]),
            definition("scratch", [kept], artifacts={"retain": "Never"}),
            definition("child", [script("endless", "sleep 600")]),
            definition("tree", [{"name": "branch", "run": {"definitionRef": {"name": "child"}}}]),
            *(run(name, name) for name in ("values", "files", "scratch", "tree")),
        )
        made.history.run_is("values", lambda one: row(one, "large").get("phase") == "Succeeded")
        made.kill_and_restart()
        made.ended("files")
        made.apply(run("again", "files", rerunOf={"name": "files"}))
        made.history.until(lambda: made.history.ever("pods", task="endless"), "a Pod of the child")
        made.kubectl("patch", "jr", "tree", "--type=merge", "-p", '{"spec": {"shutdown": "Terminate"}}')
        for name in ("values", "scratch", "again", "tree"):
            made.ended(name)
        yield made


def granted(busy: Arena) -> set[Right]:
    """Return every right that the chart gives in one namespace."""
    values: Object = {"watchNamespaces": [busy.namespace], "rbac": {"aggregate": False}}
    rules = [rule for one in render(values=values) for rule in one.get("rules", [])]
    return {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


def test_every_right_is_used_and_no_request_was_denied(busy: Arena) -> None:
    assert busy.cluster.audit_log is not None
    account = f"system:serviceaccount:{busy.namespace}:{ACCOUNT}"
    made = [one for one in requests(busy.cluster.audit_log) if one.user == account]
    asked = {(one.verb, one.resource) for one in made if one.namespace == busy.namespace}
    outside = [one for one in made if one.resource and one.namespace != busy.namespace]  # else it asks what is served
    assert outside == [], "it works with Roles alone"
    assert granted(busy) - asked <= IN_AN_EMERGENCY
    assert asked <= granted(busy)
    assert busy.denied() == []


def test_without_the_right_to_finalizers_no_pod_could_name_its_run_as_owner(busy: Arena) -> None:
    pod = busy.history.ever("pods", run="files")[0]
    owned = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "owned", "ownerReferences": pod["metadata"]["ownerReferences"]},
        "spec": {"containers": [{"name": "main", "image": "alpine"}]},
    }
    busy.kubectl("create", "rolebinding", "editor", "--clusterrole=edit", "--user=editor")
    said = busy.cluster.kubectl(
        "create",
        "-n",
        busy.namespace,
        "--dry-run=server",
        "--as=editor",
        "-f",
        "-",
        input=json.dumps(owned),
        check=False,
    )
    assert "cannot set blockOwnerDeletion" in said
