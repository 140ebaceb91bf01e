"""The test cluster keeps its promises; what the other tests here rely on."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import audit, lifecycle
from tests.cluster.access import Cluster, KubectlError
from tests.cluster.places import cache


def pod(name: str, *, image: str, command: str, **spec: Any) -> dict[str, Any]:
    """Return a Pod that runs one shell command."""
    container = {"name": "main", "image": image, "command": ["/bin/sh", "-ec", command]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": spec.pop("annotations", {})},
        "spec": {"restartPolicy": "Never", "containers": [container | spec.pop("container", {})]} | spec,
    }


def claim(name: str) -> dict[str, Any]:
    """Return a claim of the default storage class."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def succeeded(cluster: Cluster, name: str, *, namespace: str) -> str:
    """Wait for the end of a Pod, which has to be a good one, and return its log."""
    cluster.wait(f"pod/{name}", "jsonpath={.status.phase}=Succeeded", namespace=namespace, seconds=60)
    return cluster.kubectl("logs", name, "-n", namespace)


def test_a_pod_runs_on_the_real_node_and_its_log_is_readable(kube: Cluster) -> None:
    with kube.namespace() as namespace:
        kube.apply(pod("hello", image="alpine", command="echo out; echo err >&2"), namespace=namespace)
        assert sorted(succeeded(kube, "hello", namespace=namespace).split()) == ["err", "out"]


def test_exit_code_and_termination_message_come_back(kube: Cluster) -> None:
    with kube.namespace() as namespace:
        kube.apply(pod("bad", image="busybox", command="echo why >/dev/termination-log; exit 3"), namespace=namespace)
        kube.wait("pod/bad", "jsonpath={.status.phase}=Failed", namespace=namespace)
        ended = kube.get("pod", "bad", namespace=namespace)["status"]["containerStatuses"][0]["state"]["terminated"]
        assert (ended["exitCode"], ended["message"]) == (3, "why\n")


@pytest.mark.parametrize(
    ("image", "command", "expected"),
    [
        ("python:3.8-buster", "python3 --version", "Python 3."),
        ("python:3.8-buster", "python -c 'import ssl, sqlite3, lzma, json; print(json.dumps([1]))'", "[1]"),
        ("python:3.8-buster", "curl --version", "curl "),
        ("linuxserver/ffmpeg", "ffmpeg -version", "ffmpeg version"),
        ("linuxserver/ffmpeg", "ffprobe -version", "ffprobe version"),
        ("alpine:3.22", "type cat mkfifo tee tail", "mkfifo"),
    ],
)
def test_images_hold_what_their_names_promise(kube: Cluster, image: str, command: str, expected: str) -> None:
    with kube.namespace() as namespace:
        kube.apply(pod("tool", image=image, command=command), namespace=namespace)
        assert expected in succeeded(kube, "tool", namespace=namespace)


def test_an_unknown_image_does_not_exist(kube: Cluster) -> None:
    with kube.namespace() as namespace:
        kube.apply(pod("nowhere", image="no-such/image:1", command="true"), namespace=namespace)
        waiting = "jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImagePull"
        kube.wait("pod/nowhere", waiting, namespace=namespace)


def test_a_claim_is_bound_shared_and_its_volume_goes_with_it(kube: Cluster) -> None:
    mount = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    with kube.namespace() as namespace:
        kube.apply(claim("data"), namespace=namespace)
        writer = pod("writer", image="alpine", command="echo kept > /data/f", container=mount, volumes=volumes)
        kube.apply(writer, namespace=namespace)
        succeeded(kube, "writer", namespace=namespace)
        reader = pod("reader", image="alpine", command="cat /data/f", container=mount, volumes=volumes)
        kube.apply(reader, namespace=namespace)
        assert succeeded(kube, "reader", namespace=namespace) == "kept\n"
        volume = kube.get("pvc", "data", namespace=namespace)["spec"]["volumeName"]
        kube.kubectl("delete", "pod", "writer", "reader", "-n", namespace)
        kube.kubectl("delete", "pvc", "data", "-n", namespace)
        kube.wait(f"pv/{volume}", "delete")


def test_a_volume_belongs_to_root_and_to_the_fs_group(kube: Cluster) -> None:
    mount = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    user = {"runAsUser": 1000, "runAsNonRoot": True}
    with kube.namespace() as namespace:
        kube.apply(claim("data"), namespace=namespace)
        refused = pod("refused", image="alpine", command="! touch /data/f", container=mount, volumes=volumes)
        refused["spec"]["securityContext"] = user
        kube.apply(refused, namespace=namespace)
        succeeded(kube, "refused", namespace=namespace)
        allowed = pod("allowed", image="alpine", command="touch /data/f", container=mount, volumes=volumes)
        allowed["spec"]["securityContext"] = user | {"fsGroup": 2000}
        kube.apply(allowed, namespace=namespace)
        succeeded(kube, "allowed", namespace=namespace)


def test_a_refused_object_names_the_reason(kube: Cluster) -> None:
    with pytest.raises(KubectlError, match="strict decoding error: unknown field"):
        kube.apply(pod("typo", image="alpine", command="true", restartPolicies="x"))


def test_a_simulated_pod_succeeds_at_once(kwok: Cluster) -> None:
    with kwok.namespace() as namespace:
        kwok.apply(pod("quick", image="alpine", command="true"), namespace=namespace)
        kwok.wait("pod/quick", "jsonpath={.status.phase}=Succeeded", namespace=namespace, seconds=10)


def test_a_simulated_pod_ends_as_its_annotations_say(kwok: Cluster) -> None:
    annotations = {
        "kwok.brood.dev/exit-code": "3",
        "kwok.brood.dev/message": 'why: "x"\n',
        "kwok.brood.dev/run-for": "1s",
    }
    with kwok.namespace() as namespace:
        began = time.monotonic()
        kwok.apply(pod("bad", image="alpine", command="true", annotations=annotations), namespace=namespace)
        kwok.wait("pod/bad", "jsonpath={.status.phase}=Running", namespace=namespace, seconds=10)
        kwok.wait("pod/bad", "jsonpath={.status.phase}=Failed", namespace=namespace, seconds=10)
        assert time.monotonic() - began > 0.9
        ended = kwok.get("pod", "bad", namespace=namespace)["status"]["containerStatuses"][0]["state"]["terminated"]
        assert (ended["exitCode"], ended["message"], ended["reason"]) == (3, 'why: "x"\n', "Error")


def test_the_environment_says_how_a_simulated_pod_ends_and_its_log_is_empty(kwok: Cluster) -> None:
    env = [{"name": "KWOK_EXIT_CODE", "value": "4"}, {"name": "KWOK_RUN_FOR", "value": "700ms"}]
    with kwok.namespace() as namespace:
        began = time.monotonic()
        kwok.apply(pod("bad", image="alpine", command="true", container={"env": env}), namespace=namespace)
        kwok.wait("pod/bad", "jsonpath={.status.phase}=Failed", namespace=namespace, seconds=10)
        assert time.monotonic() - began > 0.6
        ended = kwok.get("pod", "bad", namespace=namespace)["status"]["containerStatuses"][0]["state"]["terminated"]
        assert ended["exitCode"] == 4
        assert kwok.kubectl("logs", "bad", "-n", namespace, "--tail=5") == ""


def test_a_claim_is_bound_on_simulated_nodes_too(kwok: Cluster) -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    with kwok.namespace() as namespace:
        kwok.apply([claim("data"), pod("user", image="alpine", command="true", volumes=volumes)], namespace=namespace)
        kwok.wait("pod/user", "jsonpath={.status.phase}=Succeeded", namespace=namespace, seconds=20)


def test_the_audit_log_tells_who_wrote_what(kwok: Cluster) -> None:
    assert kwok.audit_log is not None
    with kwok.namespace() as namespace:
        kwok.apply(pod("seen", image="alpine", command="true"), namespace=namespace)
        kwok.wait("pod/seen", "jsonpath={.status.phase}=Succeeded", namespace=namespace)
        assert audit.writes(kwok.audit_log, agent="kubectl", namespace=namespace)["create pods"] == 1
        assert audit.writes(kwok.audit_log, agent="kwok", namespace=namespace) == {"patch pods/status": 2}


@pytest.mark.slow
def test_two_clusters_live_side_by_side_and_one_ends_without_the_other(kube: Cluster) -> None:
    directory = cache() / "sessions" / f"second-{os.getpid()}"
    with kube.namespace() as namespace:
        kube.apply(pod("stays", image="alpine", command="sleep 600"), namespace=namespace)
        try:
            second = Cluster(kubeconfig=lifecycle.up(directory, kind="real", owner=os.getpid()).kubeconfig)
            second.apply(pod("goes", image="alpine", command="sleep 600"))
            second.wait("pod/goes", "condition=Ready")
            kube.wait("pod/stays", "condition=Ready", namespace=namespace)
        finally:
            lifecycle.down(directory)
        assert not directory.exists()
        leftovers = [line for line in Path("/proc/mounts").read_text().splitlines() if str(directory) in line]
        assert leftovers == []
        assert kube.kubectl("exec", "stays", "-n", namespace, "--", "echo", "alive") == "alive\n"
        states = kube.get("pod", "stays", namespace=namespace)["status"]["containerStatuses"]
        assert [state["restartCount"] for state in states] == [0]
        kube.kubectl("delete", "pod", "stays", "-n", namespace, "--grace-period=1")
