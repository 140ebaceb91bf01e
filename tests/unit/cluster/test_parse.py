import tracemalloc
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.phases import RunPhase
from brood.cluster.kubernetes.reading import read_page
from brood.cluster.parse import parse_claim, parse_definition, parse_meta, parse_pod, parse_run
from brood.cluster.port import Kind, Manifest
from brood.cluster.revision import revision_name
from brood.views import Malformed, PodView, RunView
from tests.manifests import claim, definition, pod, run

CREATED = "2026-11-21T09:30:00Z"
SERVER = {"uid": "u-1", "resourceVersion": "7", "creationTimestamp": CREATED, "generation": 2}
OWNER = [
    {"kind": "Other", "name": "x", "uid": "other"},
    {"kind": "JobRun", "name": "root", "uid": "u-0", "controller": True, "blockOwnerDeletion": True},
]


def stored(manifest: Manifest, **meta: Any) -> Manifest:
    manifest["metadata"] |= {**SERVER, **meta}
    return manifest


def brood_pod(status: dict[str, Any], **meta: Any) -> Manifest:
    labels = {
        "brood.dev/run": "child",
        "brood.dev/root-run": "root",
        "brood.dev/task": "encode",
        "brood.dev/attempt": "2",
        "brood.dev/index": "17",
    }
    manifest = stored(pod(), ownerReferences=OWNER, **{"labels": labels, **meta})
    manifest["spec"]["nodeName"] = "node-1"
    return {**manifest, "status": status}


def seen(manifest: Manifest) -> PodView:
    view = parse_pod(manifest)
    assert isinstance(view, PodView), view
    _, (as_read,) = read_page(orjson.dumps({"items": [manifest]}), Kind.POD)
    assert parse_pod(as_read) == view  # nothing is left unread that the view shows
    return view


def main(state: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"phase": "Running", "containerStatuses": [{"name": "side"}, {"name": "main", "state": state}], **status}


def test_metadata() -> None:
    meta = parse_meta(stored(pod(), ownerReferences=OWNER, deletionTimestamp=CREATED, finalizers=["brood.dev/result"]))
    assert meta.created_at == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    assert (meta.namespace, meta.name, meta.uid, meta.resource_version) == ("default", "pod-1", "u-1", "7")
    assert (meta.generation, meta.deleting, meta.owner_uid, meta.finalizers) == (2, True, "u-0", ("brood.dev/result",))


class TestRun:
    def test_a_root_is_its_own_root(self) -> None:
        view = parse_run(stored(run()))
        assert isinstance(view, RunView)
        assert (view.root, view.is_root, view.task, view.index, view.attempt) == ("run-1", True, None, None, 1)

    def test_a_child_knows_its_place(self) -> None:
        manifest = stored(
            run("child", parentRef={"name": "parent", "uid": "u-0", "task": "encode", "index": 3}),
            labels={
                "brood.dev/root-run": "top",
                "brood.dev/task": "encode",
                "brood.dev/index": "3",
                "brood.dev/attempt": "2",
            },
        )
        view = parse_run(manifest)
        assert isinstance(view, RunView)
        assert (view.root, view.is_root, view.task, view.index, view.attempt) == ("top", False, "encode", 3, 2)

    def test_status_and_spec_are_read(self) -> None:
        manifest = stored(run(params={"A": 1}))
        manifest["status"] = {
            "observedGeneration": 1,
            "phase": "Failed",
            "completionTime": CREATED,
            "conditions": [
                {"type": "Succeeded", "status": "False", "reason": "TaskFailed", "lastTransitionTime": CREATED}
            ],
            "tasks": [{"name": "a", "phase": "Failed", "exitCode": 3, "startTime": CREATED, "fromTheFuture": True}],
            "outputs": {"R": "x"},
        }
        view = parse_run(manifest)
        assert isinstance(view, RunView)
        assert view.status.phase is RunPhase.FAILED
        assert view.status.finished
        assert (view.status.tasks[0].exit_code, view.status.outputs, view.spec.params) == (3, {"R": "x"}, {"A": 1})

    @pytest.mark.parametrize(
        ("where", "marker", "owned"),
        [
            ("annotations", {"argocd.argoproj.io/tracking-id": "app:brood.dev/JobRun:default/run-1"}, True),
            ("labels", {"kustomize.toolkit.fluxcd.io/name": "apps"}, True),
            ("labels", {"helm.toolkit.fluxcd.io/name": "apps"}, True),
            ("annotations", {"meta.helm.sh/release-name": "apps"}, True),
            ("labels", {"app.kubernetes.io/managed-by": "Helm"}, True),
            ("labels", {"app.kubernetes.io/managed-by": "brood"}, False),
            ("labels", {"app.kubernetes.io/instance": "apps"}, False),
            ("annotations", {"kubectl.kubernetes.io/last-applied-configuration": "{}"}, False),
            ("managedFields", [{"manager": "kubectl"}, {"manager": "argocd-controller"}], True),
            ("managedFields", [{"manager": "argocd-application-controller"}], True),
            ("managedFields", [{"manager": "argocd-server"}], False),  # somebody asked for it by the action `run`
        ],
    )
    def test_gitops_tools_are_recognised(self, where: str, marker: Any, *, owned: bool) -> None:
        manifest = stored(run(), **{where: marker})
        view = parse_run(manifest)
        assert isinstance(view, RunView)
        assert view.gitops is owned
        _, (as_read,) = read_page(orjson.dumps({"items": [manifest]}), Kind.JOB_RUN)
        assert parse_run(as_read) == view

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (
                {"spec": {"definitionRef": {"name": "x"}, "prams": {}}},
                "spec.prams: unknown field; did you mean 'params'?",
            ),
            ({"spec": None}, "spec"),
            ({"spec": {"definitionRef": {"name": "x"}, "params": {"A": 1.5}}}, "spec.params.A"),
            ({"status": {"phase": "Dancing"}}, "status.phase"),
            ({"status": ["x"]}, "status"),
        ],
    )
    def test_what_cannot_be_read_is_malformed_and_the_field_named(self, change: dict[str, Any], named: str) -> None:
        view = parse_run({**stored(run()), **change})
        assert isinstance(view, Malformed)
        assert view.meta.name == "run-1"
        assert named in view.error


class TestDefinition:
    def test_its_revision_is_named_for_its_spec(self) -> None:
        one, two = parse_definition(stored(definition())), parse_definition(stored(definition(description="other")))
        assert not isinstance(one, Malformed)
        assert not isinstance(two, Malformed)
        assert one.revision.startswith("hello-")
        assert len(one.revision) == len("hello-") + 10
        assert one.revision != two.revision

    def test_neither_order_nor_reading_back_changes_its_name(self) -> None:
        spec = definition(description="x", maxActiveTasks=3)["spec"]
        given = JobDefinitionSpec.from_json(spec)
        turned = JobDefinitionSpec.from_json(dict(reversed(spec.items())))
        again = JobDefinitionSpec.from_json(orjson.loads(orjson.dumps(given.to_json())))
        assert revision_name("a", given) == revision_name("a", turned) == revision_name("a", again)

    def test_an_invalid_one_is_malformed(self) -> None:
        view = parse_definition(stored(definition(tasks=[{"name": "a", "imgae": "x"}])))
        assert isinstance(view, Malformed)
        assert "spec.tasks[0].imgae" in view.error


class TestPod:
    def test_labels_and_annotations(self) -> None:
        annotations = {"brood.dev/nonce": "abc", "brood.dev/pools": '["gpu", "db-1"]'}
        view = seen(brood_pod({"phase": "Pending"}, annotations=annotations))
        assert (view.run, view.root, view.task, view.index, view.attempt) == ("child", "root", "encode", 17, 2)
        assert (view.nonce, view.pools, view.handler, view.node, view.phase) == (
            "abc",
            ("gpu", "db-1"),
            False,
            "node-1",
            "Pending",
        )

    def test_a_running_one(self) -> None:
        view = seen(brood_pod(main({"running": {"startedAt": CREATED}})))
        assert (view.started_at, view.ended) == (datetime(2026, 11, 21, 9, 30, tzinfo=UTC), None)

    def test_an_ended_one(self) -> None:
        end = {
            "exitCode": 137,
            "signal": 9,
            "reason": "OOMKilled",
            "message": "m",
            "startedAt": CREATED,
            "finishedAt": CREATED,
        }
        view = seen(brood_pod(main({"terminated": end}, phase="Failed", reason="Evicted", message="low on memory")))
        assert view.ended is not None
        assert (view.ended.exit_code, view.ended.signal, view.ended.reason, view.ended.message) == (
            137,
            9,
            "OOMKilled",
            "m",
        )
        assert view.started_at == view.ended.started_at == view.ended.finished_at
        assert (view.phase, view.reason, view.message) == ("Failed", "Evicted", "low on memory")

    def test_what_never_started_has_no_start(self) -> None:
        end = {"exitCode": 128, "reason": "StartError", "startedAt": "1970-01-01T00:00:00Z", "finishedAt": CREATED}
        view = seen(brood_pod(main({"terminated": end})))
        assert view.ended is not None
        assert view.started_at is view.ended.started_at is None

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (main({"waiting": {"reason": "ImagePullBackOff", "message": "m"}}), "ImagePullBackOff"),
            (main({"waiting": {"reason": "PodInitializing"}}), "PodInitializing"),
            (
                main(
                    {"waiting": {"reason": "PodInitializing"}},
                    initContainerStatuses=[
                        {"name": "done", "state": {"terminated": {"exitCode": 0}}},
                        {"name": "bad", "state": {"waiting": {"reason": "ErrImagePull", "message": "m"}}},
                        {"name": "later", "state": {"waiting": {"reason": "PodInitializing"}}},
                    ],
                ),
                "ErrImagePull",
            ),
        ],
    )
    def test_a_waiting_one(self, status: dict[str, Any], reason: str) -> None:
        assert seen(brood_pod(status)).waiting_reason == reason

    def test_conditions_that_matter(self) -> None:
        conditions = [
            {"type": "Ready", "status": "False", "reason": "x"},
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/3 nodes are available",
            },
            {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"},
        ]
        view = seen(brood_pod({"phase": "Pending", "conditions": conditions}))
        assert (view.unschedulable, view.disruption) == ("0/3 nodes are available", "PreemptionByScheduler")

    def test_a_failed_init_container_is_told(self) -> None:
        inits = [{"name": "setup", "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}]
        view = seen(
            brood_pod(main({"waiting": {"reason": "PodInitializing"}}, phase="Failed", initContainerStatuses=inits))
        )
        assert (view.ended, view.message) == (None, "init container setup ended with exit code 2: Error")

    @pytest.mark.parametrize(("until", "grace"), [("2026-11-21T10:00:30Z", 30), ("2026-11-21T10:00:00Z", 0)])
    def test_when_it_was_deleted(self, until: str, grace: int) -> None:
        gone = brood_pod(main({"running": {}}), deletionTimestamp=until, deletionGracePeriodSeconds=grace)
        assert seen(gone).deleted_at == datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
        assert seen(gone).deletion_grace == grace

    @pytest.mark.parametrize("notes", [{}, {"brood.dev/capture": "log"}])
    def test_whether_its_log_is_its_output(self, notes: dict[str, str]) -> None:
        assert seen(brood_pod(main({"running": {}}), annotations=notes)).captures is bool(notes)

    def test_without_brood_s_labels_it_is_malformed(self) -> None:
        view = parse_pod(stored(pod()))
        assert isinstance(view, Malformed)
        assert "brood.dev/run is missing" in view.error


def test_a_claim() -> None:
    view = parse_claim({**stored(claim()), "status": {"phase": "Bound"}})
    assert not isinstance(view, Malformed)
    assert view.phase == "Bound"


json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 5), st.floats(), st.text(max_size=3), st.just(CREATED)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)
PLACES = [
    (),
    *[
        ("metadata", field)
        for field in (*SERVER, "name", "namespace", "labels", "annotations", "ownerReferences", "finalizers")
    ],
    ("metadata",),
    ("spec",),
    ("spec", "definitionRef"),
    ("spec", "parentRef"),
    ("spec", "tasks"),
    ("status",),
    ("status", "phase"),
    ("status", "conditions"),
    ("status", "tasks"),
    ("status", "containerStatuses"),
    ("status", "initContainerStatuses"),
]


@given(
    st.sampled_from([run, definition, lambda: brood_pod(main({"running": {}})), claim]), st.sampled_from(PLACES), json
)
def test_nothing_that_an_object_holds_raises(make: Any, place: tuple[str, ...], poison: Any) -> None:
    manifest: Any = stored(make())
    manifest.setdefault("status", {})
    if not place:
        manifest = poison
    else:
        target = manifest
        for part in place[:-1]:
            target = target[part]
        target[place[-1]] = poison
    for parse in (parse_run, parse_definition, parse_pod, parse_claim):
        assert parse(manifest).meta is not None


def finished_child(number: int) -> Manifest:
    manifest = stored(
        run(
            f"encode-work-{number}-abcdefghij",
            params={"URL": f"file:///{number}"},
            parentRef={"name": "encode", "uid": "u" * 36, "task": "work", "index": number},
        ),
        uid=f"{number:036x}",
        resourceVersion=str(number),
        labels={"brood.dev/root-run": "encode", "brood.dev/index": str(number)},
    )
    done = {"phase": "Succeeded", "startTime": CREATED, "completionTime": CREATED}
    manifest["status"] = {
        "observedGeneration": 1,
        **done,
        "result": "Succeeded",
        "progress": "1/1",
        "revision": "video-abcdefghij",
        "summary": {"total": 1, "succeeded": 1},
        "conditions": [
            {"type": kind, "status": "True", "reason": kind, "lastTransitionTime": CREATED}
            for kind in ("Admitted", "Succeeded")
        ],
        "tasks": [
            {"name": "work", "attempt": 1, "exitCode": 0, "podName": f"encode-work-{number}-abcdefghij-x", **done}
        ],
    }
    return manifest


def ended_pod(number: int) -> Manifest:
    end = {
        "exitCode": 0,
        "reason": "Completed",
        "message": f"result {number}",
        "startedAt": CREATED,
        "finishedAt": CREATED,
    }
    return brood_pod(
        main({"terminated": end}, phase="Succeeded"), uid=f"{number:036x}", name=f"encode-work-{number}-abcdefghij"
    )


@pytest.mark.parametrize(("make", "parse", "limit"), [(finished_child, parse_run, 3500), (ended_pod, parse_pod, 1000)])
def test_finished_objects_take_little_room(make: Any, parse: Any, limit: int) -> None:
    """T4: 20,000 Pods and 20,000 finished runs within 250 MB."""
    raw = [orjson.dumps(make(number)) for number in range(3000)]
    parse(orjson.loads(raw[0]))
    tracemalloc.start()
    views = [parse(orjson.loads(one)) for one in raw]
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(views) == 3000
    assert used / 3000 < limit
