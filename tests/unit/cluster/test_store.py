from typing import Any

import pytest

from brood.cluster.local.store import EVENTS_KEPT, ObjectStore
from brood.cluster.port import AlreadyExists, Conflict, Invalid, Kind, NotFound
from tests.manifests import claim, config_map, definition, pod, run

NS = "default"


def test_a_created_object_has_what_the_server_sets() -> None:
    store = ObjectStore()
    made = store.create(Kind.JOB_RUN, run(meta={"uid": "mine", "resourceVersion": "77", "generation": 9}))
    meta = made["metadata"]
    assert meta["uid"] not in ("", "mine")
    assert meta["resourceVersion"] == str(store.version)
    assert meta["generation"] == 1
    assert meta["creationTimestamp"].endswith("Z")
    assert made["status"] == {"observedGeneration": -1}


def test_what_a_client_gave_is_copied_at_the_door() -> None:
    store, mine = ObjectStore(), run(params={"A": "1"})
    store.create(Kind.JOB_RUN, mine)
    mine["spec"]["params"]["A"] = "2"
    assert store.get(Kind.JOB_RUN, NS, "run-1")["spec"]["params"]["A"] == "1"


def test_resource_versions_increase_over_all_kinds() -> None:
    store = ObjectStore()
    seen = [
        int(store.create(kind, manifest)["metadata"]["resourceVersion"])
        for kind, manifest in ((Kind.JOB_RUN, run()), (Kind.POD, pod()), (Kind.CONFIG_MAP, config_map()))
    ]
    assert seen == sorted(set(seen))


def test_generate_name_makes_a_name() -> None:
    store, manifest = ObjectStore(), run()
    manifest["metadata"] = {"generateName": "encode-", "namespace": NS}
    names = {store.create(Kind.JOB_RUN, manifest)["metadata"]["name"] for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("encode-") and len(name) == len("encode-") + 5 for name in names)


def test_a_second_object_of_one_name_already_exists() -> None:
    store = ObjectStore()
    store.create(Kind.JOB_RUN, run())
    with pytest.raises(AlreadyExists, match=r'jobruns.brood.dev "run-1" already exists'):
        store.create(Kind.JOB_RUN, run())


def test_an_object_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound, match=r'pods "x" not found'):
        ObjectStore().get(Kind.POD, NS, "x")


def test_a_dry_run_checks_and_stores_nothing() -> None:
    store = ObjectStore()
    store.create(Kind.POD, pod(), dry_run=True)
    assert store.count(Kind.POD) == 0
    assert store.version == 0
    with pytest.raises(Invalid):
        store.create(Kind.POD, pod(containers=[]), dry_run=True)


@pytest.mark.parametrize(
    ("kind", "manifest", "named"),
    [
        (Kind.JOB_RUN, run(defintionRef={}), r"spec\.defintionRef"),
        (Kind.JOB_DEFINITION, definition(tasks=[{"name": "a", "scripts": "x"}]), r"spec\.tasks\[0\]\.scripts"),
        (Kind.JOB_RUN, run("Upper"), r"metadata\.name"),
        (Kind.POD, pod("../escape"), r"metadata\.name"),
        (Kind.POD, pod(meta={"namespace": "a/b"}), r"metadata\.namespace"),
        (Kind.POD, pod(meta={"labels": {"a": 1}}), r"metadata\.labels\.a"),
        (Kind.POD, pod(containers=[]), r"spec\.containers: Required"),
        (Kind.POD, pod(containers=[{"command": ["x"]}]), r"containers\[0\]\.name"),
        (Kind.POD, pod(containers=[{"name": "main", "env": [{"name": "A", "value": 1}]}]), r"env\[0\]\.value"),
        (
            Kind.POD,
            pod(containers=[{"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]),
            r"volumeMounts\[0\]\.name: Not found",
        ),
    ],
)
def test_a_bad_manifest_is_invalid_and_the_field_is_named(kind: Kind, manifest: dict[str, Any], named: str) -> None:
    store = ObjectStore()
    with pytest.raises(Invalid, match=named):
        store.create(kind, manifest)
    assert store.count(kind) == 0


def test_what_is_no_json_is_invalid() -> None:
    with pytest.raises(Invalid, match="not JSON"):
        ObjectStore().create(Kind.JOB_RUN, run(params={"A": object()}))


class TestPatch:
    def test_status_and_the_rest_are_written_apart(self) -> None:
        store = ObjectStore()
        store.create(Kind.JOB_RUN, run())
        both = {"spec": {"priority": 5}, "status": {"phase": "Running"}}
        after = store.patch(Kind.JOB_RUN, NS, "run-1", both)
        assert (after["spec"]["priority"], after["status"]) == (5, {"observedGeneration": -1})
        after = store.patch(
            Kind.JOB_RUN, NS, "run-1", {"spec": {"priority": 6}, "status": {"phase": "Running"}}, subresource="status"
        )
        assert (after["spec"]["priority"], after["status"]["phase"]) == (5, "Running")

    def test_the_generation_counts_changes_of_the_spec(self) -> None:
        store = ObjectStore()
        store.create(Kind.JOB_RUN, run())
        store.patch(Kind.JOB_RUN, NS, "run-1", {"status": {"phase": "Running"}}, subresource="status")
        store.patch(Kind.JOB_RUN, NS, "run-1", {"metadata": {"labels": {"a": "b"}}})
        assert store.get(Kind.JOB_RUN, NS, "run-1")["metadata"]["generation"] == 1
        store.patch(Kind.JOB_RUN, NS, "run-1", {"spec": {"suspend": True}})
        assert store.get(Kind.JOB_RUN, NS, "run-1")["metadata"]["generation"] == 2

    def test_a_patch_that_changes_nothing_writes_nothing(self) -> None:
        store = ObjectStore()
        made = store.create(Kind.JOB_RUN, run())
        after = store.patch(Kind.JOB_RUN, NS, "run-1", {"spec": {"definitionRef": {"name": "hello"}}})
        assert after["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]

    def test_the_server_s_metadata_cannot_be_changed(self) -> None:
        store = ObjectStore()
        made = store.create(Kind.JOB_RUN, run())
        wanted = {
            "creationTimestamp": "2000-01-01T00:00:00Z",
            "generation": 99,
            "deletionTimestamp": "2000-01-01T00:00:00Z",
        }
        assert store.patch(Kind.JOB_RUN, NS, "run-1", {"metadata": wanted}) == made

    def test_with_another_resource_version_it_is_a_conflict(self) -> None:
        store = ObjectStore()
        made = store.create(Kind.JOB_RUN, run())
        lock = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
        store.patch(Kind.JOB_RUN, NS, "run-1", {**lock, "status": {"phase": "Queued"}}, subresource="status")
        with pytest.raises(Conflict, match="has been modified"):
            store.patch(Kind.JOB_RUN, NS, "run-1", {**lock, "status": {"phase": "Running"}}, subresource="status")

    def test_with_another_uid_it_is_a_conflict(self) -> None:
        store = ObjectStore()
        store.create(Kind.POD, pod())
        with pytest.raises(Conflict, match="UID"):
            store.patch(Kind.POD, NS, "pod-1", {"metadata": {"uid": "of-another", "finalizers": None}})

    @pytest.mark.parametrize(
        ("patch", "named"),
        [
            ({"definitionRef": {"name": "other"}}, "definitionRef"),
            ({"params": {"A": "2"}}, "params"),
            ({"params": None}, "params"),
            ({"rerunOf": {"name": "x"}}, "rerunOf"),
            ({"priority": "high"}, "priority"),
            ({"unknown": 1}, "unknown"),
        ],
    )
    def test_what_a_run_was_made_for_cannot_be_changed(self, patch: dict[str, Any], named: str) -> None:
        store = ObjectStore()
        store.create(Kind.JOB_RUN, run(params={"A": "1"}))
        with pytest.raises(Invalid, match=named):
            store.patch(Kind.JOB_RUN, NS, "run-1", {"spec": patch})

    def test_a_shutdown_cannot_be_taken_back(self) -> None:
        store = ObjectStore()
        store.create(Kind.JOB_RUN, run())
        store.patch(Kind.JOB_RUN, NS, "run-1", {"spec": {"shutdown": "Interrupt"}})
        with pytest.raises(Invalid, match="taken back"):
            store.patch(Kind.JOB_RUN, NS, "run-1", {"spec": {"shutdown": None}})
        store.patch(Kind.JOB_RUN, NS, "run-1", {"spec": {"shutdown": "Terminate"}})
        with pytest.raises(Invalid, match="taken back"):
            store.patch(Kind.JOB_RUN, NS, "run-1", {"spec": {"shutdown": "Interrupt"}})

    def test_a_pod_s_containers_cannot_be_changed(self) -> None:
        store = ObjectStore()
        store.create(Kind.POD, pod())
        with pytest.raises(Invalid, match="pod updates"):
            store.patch(Kind.POD, NS, "pod-1", {"spec": {"containers": [{"name": "other"}]}})

    def test_an_immutable_config_map_stays_as_it_is(self) -> None:
        store = ObjectStore()
        store.create(Kind.CONFIG_MAP, config_map(immutable=True, data={"a": "1"}))
        with pytest.raises(Invalid, match="immutable"):
            store.patch(Kind.CONFIG_MAP, NS, "values", {"data": {"a": "2"}})
        store.patch(Kind.CONFIG_MAP, NS, "values", {"metadata": {"labels": {"a": "b"}}})


class TestDelete:
    def test_an_object_goes_at_once_where_nothing_holds_it(self) -> None:
        store = ObjectStore()
        made = store.create(Kind.CLAIM, claim())
        store.delete(Kind.CLAIM, NS, "volume", uid=made["metadata"]["uid"])
        assert store.count(Kind.CLAIM) == 0

    def test_with_another_uid_it_is_a_conflict_and_stays(self) -> None:
        store = ObjectStore()
        store.create(Kind.CLAIM, claim())
        with pytest.raises(Conflict):
            store.delete(Kind.CLAIM, NS, "volume", uid="of-another")
        assert store.count(Kind.CLAIM) == 1

    def test_a_finalizer_holds_it_until_the_last_one_is_removed(self) -> None:
        store = ObjectStore()
        made = store.create(Kind.POD, pod(meta={"finalizers": ["brood.dev/result", "example.org/other"]}))
        store.delete(Kind.POD, NS, "pod-1", uid=made["metadata"]["uid"])
        held = store.get(Kind.POD, NS, "pod-1")
        assert "deletionTimestamp" in held["metadata"]
        store.patch(Kind.POD, NS, "pod-1", {"metadata": {"finalizers": ["example.org/other"]}})
        assert store.count(Kind.POD) == 1
        store.patch(Kind.POD, NS, "pod-1", {"metadata": {"finalizers": None}})
        assert store.count(Kind.POD) == 0

    def test_a_deleted_object_takes_no_new_finalizer(self) -> None:
        store = ObjectStore()
        made = store.create(Kind.JOB_RUN, run(meta={"finalizers": ["a.b/c"]}))
        store.delete(Kind.JOB_RUN, NS, "run-1", uid=made["metadata"]["uid"])
        with pytest.raises(Invalid, match="finalizers"):
            store.patch(Kind.JOB_RUN, NS, "run-1", {"metadata": {"finalizers": ["a.b/c", "a.b/d"]}})

    def test_a_running_pod_has_its_grace_period_and_a_later_delete_may_shorten_it(self) -> None:
        store = ObjectStore()
        uid = store.create(Kind.POD, pod(terminationGracePeriodSeconds=20))["metadata"]["uid"]
        store.write(Kind.POD, NS, "pod-1", {"spec": {"nodeName": "local"}, "status": {"phase": "Running"}}, uid=uid)
        graces = []
        for seconds in (None, 25, 5):
            store.delete(Kind.POD, NS, "pod-1", uid=uid, grace_seconds=seconds)
            graces.append(store.get(Kind.POD, NS, "pod-1")["metadata"]["deletionGracePeriodSeconds"])
        assert graces == [20, 20, 5]
        store.delete(Kind.POD, NS, "pod-1", uid=uid, grace_seconds=0)
        assert store.count(Kind.POD) == 0

    @pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
    def test_an_ended_pod_goes_at_once(self, phase: str) -> None:
        store = ObjectStore()
        uid = store.create(Kind.POD, pod())["metadata"]["uid"]
        store.write(Kind.POD, NS, "pod-1", {"spec": {"nodeName": "local"}, "status": {"phase": phase}}, uid=uid)
        store.delete(Kind.POD, NS, "pod-1", uid=uid)
        assert store.count(Kind.POD) == 0


def test_of_events_only_the_newest_are_kept() -> None:
    store = ObjectStore()
    for number in range(EVENTS_KEPT + 5):
        store.create(Kind.EVENT, {"metadata": {"name": f"e{number}", "namespace": NS}})
    assert store.count(Kind.EVENT) == EVENTS_KEPT
    with pytest.raises(NotFound):
        store.get(Kind.EVENT, NS, "e4")
    store.get(Kind.EVENT, NS, "e5")
