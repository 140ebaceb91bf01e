"""What a Pod looks like (contract §1.1, §1.4, §2, §2.3)."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from brood.cluster.kubernetes.layout import KubernetesLayout
from brood.pods.build import build_pod
from brood.pods.shell import runner
from brood.views import ArtifactRule, PodRequest
from tests.unit.pods.sandbox import REQUEST, VOLUME

RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def build(**changes: Any) -> dict[str, Any]:
    return build_pod(replace(REQUEST, **changes), layout=KubernetesLayout(), nonce="n0nce").pod


def main(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(one for one in pod["spec"]["containers"] if one["name"] == "main")
    return found


def env(pod: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in main(pod)["env"] if "value" in one}


def mounts(pod: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {one["mountPath"]: one for one in main(pod)["volumeMounts"]}


def test_a_pod_says_whose_it_is_and_stays_until_its_result_is_recorded() -> None:
    meta = build(lock="l0ck", pools=("gpu",))["metadata"]
    assert meta["labels"] == {
        "app.kubernetes.io/managed-by": "brood",
        "brood.dev/root-run": "encode-42",
        "brood.dev/run": "encode-42",
        "brood.dev/task": "split",
        "brood.dev/attempt": "1",
        "brood.dev/definition": "encoding",
        "brood.dev/lock": "l0ck",
    }
    assert meta["annotations"] == {"brood.dev/nonce": "n0nce", "brood.dev/pools": '["gpu"]'}
    assert meta["finalizers"] == ["brood.dev/result"]
    assert meta["ownerReferences"] == [
        {
            "apiVersion": "brood.dev/v1alpha1",
            "kind": "JobRun",
            "name": "encode-42",
            "uid": "uid-42",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def test_items_and_handlers_are_labelled() -> None:
    labels = build(index=0, handler=True)["metadata"]["labels"]
    assert (labels["brood.dev/index"], labels["brood.dev/handler"]) == ("0", "true")


def test_what_brood_adds_fits_the_restricted_pod_security_standard() -> None:
    pod = build(params=(("BIG", "x" * 40_000),), artifacts=ArtifactRule(("x",), "Always"), volume=VOLUME)
    spec = pod["spec"]
    assert spec["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert main(pod)["securityContext"] == RESTRICTED
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    sources = {key for volume in spec["volumes"] for key in volume if key != "name"}
    assert sources == {"emptyDir", "projected", "persistentVolumeClaim"}
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"], spec["restartPolicy"]) == (
        False,
        False,
        "Never",
    )


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        ({"runAsUser": 1000}, {"runAsUser": 1000, **RESTRICTED}),
        ({"allowPrivilegeEscalation": True}, {**RESTRICTED, "allowPrivilegeEscalation": True}),
        (
            {"capabilities": {"add": ["NET_ADMIN"]}},
            {**RESTRICTED, "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}},
        ),
        ({"capabilities": {"drop": ["CHOWN"]}}, {**RESTRICTED, "capabilities": {"drop": ["CHOWN"]}}),
        ({"privileged": True}, {"privileged": True}),
        ({"capabilities": {"add": ["SYS_ADMIN"]}}, {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}),
        ("nonsense", "nonsense"),
    ],
)
def test_what_the_user_says_of_security_stands(said: Any, becomes: Any) -> None:
    assert main(build(container={"image": "x", "securityContext": said}))["securityContext"] == becomes
    template = {"spec": {"containers": [{"name": "main", "securityContext": said}]}}
    assert main(build(pod_template=template))["securityContext"] == becomes


def test_a_profile_of_the_users_stands() -> None:
    said = {"runAsNonRoot": True, "seccompProfile": {"type": "Unconfined"}}
    assert build(pod_template={"spec": {"securityContext": said}})["spec"]["securityContext"] == said


def test_every_dollar_that_brood_writes_is_doubled() -> None:
    pod = build(
        script="echo $(date) $$ $X",
        params=(("P", "$(PATH) $$"),),
        outputs=(("O", "$é"),),
        env=({"name": "E", "value": "$(P)"}, {"name": "F", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
    )
    values = env(pod)
    assert values["P"] == "$$(PATH) $$$$"
    assert values["O"] == "$$é"
    assert values["E"] == "$$(P)"
    assert values["BROOD__SCRIPT"] == "echo $$(date) $$$$ $$X"
    assert main(pod)["command"][2] == runner(artifacts=False).replace("$", "$$")


def test_a_container_without_a_script_is_left_alone() -> None:
    container = {
        "image": "x",
        "command": ["run", "$(A)"],
        "args": ["$$", "$(BROOD_RUN)"],
        "workingDir": "/srv",
        "env": [{"name": "A", "value": "$(B)"}],
        "ports": [{"containerPort": 80}],
    }
    pod = build(container=container, script=None, capture_stdout=True, params=(("P", "1"),))
    found = dict(main(pod))
    assert {name for name in env(pod) if name.startswith("BROOD_")} == {
        f"BROOD_{name}" for name in ("RUN", "ROOT", "TASK", "INDEX", "ATTEMPT")
    }
    assert env(pod)["A"] == "$(B)"
    assert found.pop("env")
    assert found.pop("securityContext") == RESTRICTED
    assert found == {"name": "main", **{key: value for key, value in container.items() if key != "env"}}
    assert pod["metadata"]["annotations"] == {"brood.dev/capture": "log"}
    assert pod["spec"]["volumes"] == []


def test_the_volume_is_seen_whole_and_read_only_and_its_own_directory_is_writable() -> None:
    pod = build(volume=VOLUME)
    assert mounts(pod)["/brood/volume"] == {"name": "brood-volume", "mountPath": "/brood/volume", "readOnly": True}
    assert mounts(pod)["/brood/artifacts"] == {
        "name": "brood-volume",
        "mountPath": "/brood/artifacts",
        "subPath": VOLUME.directory,
    }
    assert env(pod)["BROOD_ARTIFACTS"] == "/brood/artifacts"


def test_pods_of_a_read_write_once_volume_stay_on_one_node() -> None:
    mine = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "zone"}
    field = "requiredDuringSchedulingIgnoredDuringExecution"
    template = {"spec": {"affinity": {"nodeAffinity": {"n": 1}, "podAffinity": {field: [mine]}}}}
    pod = build(volume=VOLUME, pod_template=template)
    assert pod["metadata"]["labels"]["brood.dev/volume"] == "files"
    own = {"labelSelector": {"matchLabels": {"brood.dev/volume": "files"}}, "topologyKey": "kubernetes.io/hostname"}
    assert pod["spec"]["affinity"] == {"nodeAffinity": {"n": 1}, "podAffinity": {field: [own, mine]}}


def test_pods_of_a_shared_volume_may_be_anywhere() -> None:
    pod = build(volume=replace(VOLUME, single_node=False))
    assert "affinity" not in pod["spec"]


def test_who_mounts_a_volume_is_found_by_its_label() -> None:
    """What is deleted before a claim that `retain` does not keep: ended Pods hold it back."""
    for single_node in (True, False):
        pod = build(volume=replace(VOLUME, single_node=single_node))
        assert pod["metadata"]["labels"]["brood.dev/volume"] == "files"


def test_the_name_of_a_long_claim_still_makes_a_label() -> None:
    claims = [f"{'c' * 120}-{number}" for number in range(2)]
    labels = [build(volume=replace(VOLUME, claim=claim))["metadata"]["labels"]["brood.dev/volume"] for claim in claims]
    assert all(len(label) == 63 for label in labels)
    assert labels[0] != labels[1]


def test_the_timeout_holds_while_no_operator_runs() -> None:
    assert build(timeout_seconds=30)["spec"]["activeDeadlineSeconds"] == 30
    assert "activeDeadlineSeconds" not in build()["spec"]


TEMPLATE: dict[str, Any] = {
    "metadata": {
        "labels": {"team": "video", "brood.dev/run": "forged"},
        "annotations": {"note": "x"},
        "finalizers": ["a/b"],
    },
    "spec": {
        "restartPolicy": "Always",
        "serviceAccountName": "encoder",
        "automountServiceAccountToken": True,
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000},
        "initContainers": [{"name": "prepare", "image": "p"}],
        "volumes": [{"name": "cache", "emptyDir": {}}, {"name": "brood-run", "hostPath": {"path": "/"}}],
        "containers": [
            {
                "name": "main",
                "image": "template",
                "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
                "args": ["never"],
                "env": [
                    {"name": "A", "value": "template"},
                    {"name": "B", "value": "template"},
                    {"name": "BROOD_RUN", "value": "forged"},
                ],
                "volumeMounts": [
                    {"name": "cache", "mountPath": "/cache"},
                    {"name": "cache", "mountPath": "/brood/run"},
                ],
            },
            {"name": "helper", "image": "h"},
        ],
    },
}


def test_a_pod_template_is_merged_under_what_brood_builds() -> None:
    container = {
        "image": "task",
        "resources": {"requests": {"cpu": "2"}},
        "env": [{"name": "B", "valueFrom": {"x": {}}}],
    }
    pod = build(pod_template=TEMPLATE, container=container, params=(("P", "1"),))
    spec, found = pod["spec"], main(pod)
    assert pod["metadata"]["labels"]["team"] == "video"
    assert pod["metadata"]["labels"]["brood.dev/run"] == "encode-42"
    assert pod["metadata"]["annotations"]["note"] == "x"
    assert pod["metadata"]["finalizers"] == ["brood.dev/result"]
    assert (spec["restartPolicy"], spec["serviceAccountName"], spec["automountServiceAccountToken"]) == (
        "Never",
        "encoder",
        True,
    )
    assert (spec["nodeSelector"], spec["tolerations"]) == ({"disk": "ssd"}, [{"operator": "Exists"}])
    assert spec["securityContext"] == {
        "seccompProfile": {"type": "RuntimeDefault"},
        "runAsNonRoot": True,
        "runAsUser": 1000,
    }
    assert [one["name"] for one in spec["containers"]] == ["main", "helper"]
    assert spec["initContainers"] == [{"name": "prepare", "image": "p"}]
    assert found["image"] == "task"
    assert found["resources"] == {"requests": {"cpu": "2", "memory": "1Gi"}}
    assert found["args"] == ["/dev/termination-log", ""]
    assert found["env"][:3] == [
        {"name": "A", "value": "template"},
        {"name": "B", "valueFrom": {"x": {}}},
        {"name": "BROOD_RUN", "value": "encode-42"},
    ]
    assert mounts(pod)["/cache"]["name"] == "cache"
    assert mounts(pod)["/brood/run"]["name"] == "brood-run"
    assert pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] == "main"


def test_a_volume_of_broods_name_is_broods() -> None:
    volumes = {one["name"]: one for one in build(pod_template=TEMPLATE)["spec"]["volumes"]}
    assert volumes["brood-run"] == {"name": "brood-run", "emptyDir": {}}


def test_building_changes_nothing_of_the_request() -> None:
    request = replace(REQUEST, pod_template=TEMPLATE, volume=VOLUME)
    before = repr(request)
    first = build_pod(request, layout=KubernetesLayout(), nonce="n0nce")
    assert repr(request) == before
    assert build_pod(request, layout=KubernetesLayout(), nonce="n0nce") == first


@pytest.mark.parametrize("template", [{}, {"spec": {}}, {"spec": {"containers": []}}, {"metadata": {}}])
def test_an_empty_template_changes_nothing(template: Any) -> None:
    assert build(pod_template=template) == build()


def test_defaults_lie_under_the_pod_template() -> None:
    container = {"name": "main", "resources": {"requests": {"cpu": "1", "memory": "2Gi"}}}
    spec = {"securityContext": {"runAsUser": 7, "fsGroup": 7}, "priorityClassName": "low", "containers": [container]}
    defaults = {"metadata": {"labels": {"team": "none", "cost": "x"}}, "spec": spec}
    pod = build_pod(
        replace(REQUEST, pod_template=TEMPLATE), layout=KubernetesLayout(), nonce="n0nce", defaults=defaults
    ).pod
    assert (pod["metadata"]["labels"]["team"], pod["metadata"]["labels"]["cost"]) == ("video", "x")
    assert pod["spec"]["priorityClassName"] == "low"
    context = {"seccompProfile": {"type": "RuntimeDefault"}, "runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 7}
    assert pod["spec"]["securityContext"] == context
    assert main(pod)["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}


def test_a_pod_is_small() -> None:
    def size(request: PodRequest) -> int:
        return len(json.dumps(build_pod(request, layout=KubernetesLayout(), nonce="n0nce").pod))

    assert size(REQUEST) < 6_500
    assert size(replace(REQUEST, artifacts=ArtifactRule(("x",), "Always"), volume=VOLUME)) < 9_000
