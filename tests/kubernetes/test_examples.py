"""The examples as a user of Kubernetes runs them: kubectl, a real node, the operator with the rights of the chart."""

import re
from collections.abc import Iterator

import pytest

from tests.cluster.access import Cluster
from tests.cluster.places import PROJECT
from tests.kubernetes.arenas import Arena, arena, condition, row
from tests.kubernetes.history import Object, phases

EXAMPLES = PROJECT / "examples"
TASKS = ["validate", "download", "split", "fork-encode1", "fork-encode2", "fork-await", "combine"]


@pytest.fixture(scope="module")
def played(kube: Cluster) -> Iterator[Arena]:
    """Give a namespace in which all examples were applied at once, 02 beside another version of its child."""
    with arena(kube) as made:
        other = (EXAMPLES / "02-parallel-video/video-encoding.yaml").read_text().replace("1.0-dev", "2.0-dev")
        made.apply(other)
        made.kubectl("apply", "-f", str(PROJECT / "crds"), "-f", str(EXAMPLES / "02-parallel-video"))
        made.apply(*(EXAMPLES / name for name in ("01-hello", "03-ffmpeg")))
        yield made


@pytest.fixture(scope="module")
def encoded(played: Arena) -> Object:
    """Give example 02 at its end."""
    return played.ended("encode", seconds=120)


def children(played: Arena, parent: str) -> list[Object]:
    return sorted(
        played.history.ever("jobruns", run=parent), key=lambda one: one["metadata"]["labels"]["brood.dev/task"]
    )


def same_as_source(played: Arena, claim: str, path: str) -> int:
    """Compare a file on a claim with the source, as a Pod that mounts it sees both; returns its size."""
    both = f"cmp /bin/sh '/data/{path}'; wc -c < '/data/{path}'"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "reader"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "main",
                    "image": "alpine",
                    "command": ["/bin/sh", "-ec", both],
                    "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }
    played.apply(pod)
    played.cluster.wait("pod/reader", "jsonpath={.status.phase}=Succeeded", namespace=played.namespace)
    return int(played.kubectl("logs", "reader"))


def test_example_01_says_hello(played: Arena) -> None:
    assert played.ended("hello")["status"]["outputs"] == {"GREETING": "hello world", "LOUD": "HELLO WORLD!"}


def test_f1_the_video_pipeline_succeeds_and_the_combined_file_is_byte_exact(played: Arena, encoded: Object) -> None:
    status = encoded["status"]
    assert (status["phase"], status["progress"]) == ("Succeeded", "7/7")
    assert [one["name"] for one in status["tasks"]] == TASKS
    assert {one["phase"] for one in status["tasks"]} == {"Succeeded"}
    (combined,) = [one for one in status["artifacts"]["files"] if one["task"] == "combine"]
    assert combined["path"] == "video_file.WebM"
    inside = combined["url"].rpartition("/volume/")[2]
    assert same_as_source(played, status["artifacts"]["claimName"], inside) == combined["size"]


def test_f2_each_fork_has_its_own_url_and_the_version_that_it_names(played: Arena, encoded: Object) -> None:
    made = children(played, "encode")
    assert [one["metadata"]["labels"]["brood.dev/task"] for one in made] == ["fork-encode1", "fork-encode2"]
    assert [one["spec"]["params"]["URL"].rpartition("/")[2] for one in made] == ["video_file.MP4.1", "video_file.MP4.2"]
    for one in made:
        assert one["spec"]["definitionRef"]["name"] == "video-encoding-1.0-dev"
        assert one["status"]["revision"].startswith("video-encoding-1.0-dev-")


def test_f3_both_children_run_at_one_instant_and_the_forks_do_not_wait(played: Arena, encoded: Object) -> None:
    def runs(one: Object) -> bool:
        return "parentRef" in one["spec"] and one.get("status", {}).get("phase") == "Running"

    mine = {one["metadata"]["uid"] for one in children(played, "encode")}
    assert played.history.most("jobruns", lambda one: runs(one) and one["metadata"]["uid"] in mine) == 2
    for fork, child in zip(("fork-encode1", "fork-encode2"), children(played, "encode"), strict=True):
        assert row(encoded, fork)["completionTime"] < child["status"]["completionTime"]
    assert row(encoded, "fork-await")["startTime"] < children(played, "encode")[0]["status"]["completionTime"]


def test_f4_the_await_ends_after_both_children(played: Arena, encoded: Object) -> None:
    last = max(one["status"]["completionTime"] for one in children(played, "encode"))
    assert row(encoded, "fork-await")["completionTime"] >= last
    assert row(encoded, "combine")["startTime"] >= last


def test_f6_the_artifacts_of_split_are_handed_on_in_their_order(played: Arena, encoded: Object) -> None:
    made = children(played, "encode")
    split = [one["url"] for one in encoded["status"]["artifacts"]["files"] if one["task"] == "split"]
    assert [one["spec"]["params"]["URL"] for one in made] == split
    assert {one["status"]["phase"] for one in made} == {"Succeeded"}


def test_f7_the_chain_starts_in_order(encoded: Object) -> None:
    starts = [row(encoded, name)["startTime"] for name in TASKS]
    assert starts == sorted(starts)


def test_kubectl_get_jr_shows_phase_progress_definition_and_age(played: Arena, encoded: Object) -> None:
    head, *lines = [re.split(r" {2,}", line) for line in played.kubectl("get", "jr").splitlines()]
    table = {line[0]: dict(zip(head, line, strict=False)) for line in lines}
    assert (table["encode"]["PHASE"], table["encode"]["PROGRESS"]) == ("Succeeded", "7/7")
    assert table["encode"]["DEFINITION"] == "parallel-video-encoding"
    assert re.fullmatch(r"(\d+[smh])+", table["encode"]["AGE"])
    for one in children(played, "encode"):
        shown = table[one["metadata"]["name"]]
        assert (shown["PHASE"], shown["PROGRESS"], shown["DEFINITION"]) == (
            "Succeeded",
            "2/2",
            "video-encoding-1.0-dev",
        )


def test_kubectl_wait_returns_and_the_phases_were_monotonic(played: Arena, encoded: Object) -> None:
    played.cluster.wait("jr/encode", "condition=Succeeded", namespace=played.namespace, seconds=5)
    assert phases(played.history, "encode") in (["Running", "Succeeded"], ["Pending", "Running", "Succeeded"])
    assert condition(encoded, "Reconciling") == {}
    assert condition(encoded, "Stalled") == {}


def test_the_rights_of_the_chart_are_enough(played: Arena, encoded: Object) -> None:
    played.ended("ffmpeg", seconds=120)
    assert played.denied() == []


def test_nothing_was_made_twice(played: Arena, encoded: Object) -> None:
    assert set(played.history.attempts(root_run="encode").values()) == {1}
    assert len(played.history.ever("pods", root_run="encode")) == 4 + 2 * 2
    assert len(children(played, "encode")) == 2


def test_example_03_makes_a_real_video(played: Arena) -> None:
    done = played.ended("ffmpeg", seconds=120)
    assert done["status"]["phase"] == "Succeeded", played.history.summary()
    assert done["status"]["outputs"]["RESULT"].startswith("vp8 ")
    assert len(children(played, "ffmpeg")) == 2


def test_o21_kubectl_delete_leaves_no_pod_child_or_claim(played: Arena, encoded: Object) -> None:
    """Last: it takes away what the others look at."""
    claims = played.cluster.list("pvc", namespace=played.namespace)
    played.ended("ffmpeg", seconds=120)
    assert {"encode", "ffmpeg"} == {one["metadata"]["ownerReferences"][0]["name"] for one in claims}
    played.kubectl("delete", "pod", "reader", "--ignore-not-found")
    played.kubectl("delete", "jr", "encode", "ffmpeg", "hello")
    played.history.until(lambda: not played.history.now("pods"), "no Pods")
    played.history.until(lambda: not played.history.now("jobruns"), "no runs")
    for one in claims:
        played.cluster.wait(f"pvc/{one['metadata']['name']}", "delete", namespace=played.namespace)
    assert (
        played.cluster.list("configmap", namespace=played.namespace, selector="app.kubernetes.io/managed-by=brood")
        == []
    )
