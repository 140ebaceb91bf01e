"""Pods as processes: what a kubelet's Pods may rely on, they may rely on here."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.local import LocalCluster
from brood.cluster.port import Kind, Manifest, NotFound
from tests.manifests import claim, config_map, pod

NS = "default"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[LocalCluster]:
    async with LocalCluster(tmp_path / "state") as running:
        yield running


def shell(text: str, name: str = "pod-1", *, main: dict[str, Any] | None = None, **spec: Any) -> Manifest:
    return pod(name, containers=[{"name": "main", "command": ["/bin/sh", "-c", text], **(main or {})}], **spec)


async def until(
    cluster: LocalCluster, wanted: Callable[[Manifest], bool], *, name: str = "pod-1", kind: Kind = Kind.POD
) -> Manifest:
    """Follow an object until it is as wanted; its last state where it is deleted."""
    async with asyncio.timeout(20):
        async for event in cluster.watch(kind, resource_version="0"):
            if event.object["metadata"].get("name") == name and (event.type == "DELETED" or wanted(event.object)):
                return event.object
    raise AssertionError


def ended(manifest: Manifest) -> bool:
    return manifest["status"]["phase"] in ("Succeeded", "Failed")


def running(manifest: Manifest) -> bool:
    return bool(manifest["status"]["phase"] == "Running")


def terminated(manifest: Manifest) -> dict[str, Any]:
    return dict(manifest["status"]["containerStatuses"][0]["state"]["terminated"])


async def run(cluster: LocalCluster, manifest: Manifest) -> Manifest:
    await cluster.create(Kind.POD, manifest)
    return await until(cluster, ended, name=manifest["metadata"]["name"])


async def log(cluster: LocalCluster, name: str = "pod-1") -> str:
    return (await cluster.read_log(NS, name, limit_bytes=1 << 20)).decode()


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def eventually(check: Callable[[], object]) -> bool:
    """Wait up to ten seconds until a check holds."""
    for _ in range(1000):
        if check():
            return True
        await asyncio.sleep(0.01)
    return False


async def dead(pid: int) -> bool:
    return await eventually(lambda: not alive(pid))


def there(file: Path) -> bool:
    return file.exists()


def children() -> set[str]:
    """Return the processes that are children of this one."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def content(file: Path) -> str:
    return file.read_text() if file.exists() else ""


async def read_pid(file: Path) -> int:
    assert await eventually(lambda: content(file).strip()), f"{file} was not written"
    return int(content(file))


async def started(cluster: LocalCluster) -> None:
    """Wait until the script has said that it is up."""
    assert await eventually(lambda: content(cluster.layout.log(NS, "pod-1")) == "up\n")


class TestEnd:
    async def test_a_pod_goes_from_pending_over_running_to_its_end(self, cluster: LocalCluster) -> None:
        await cluster.create(Kind.POD, shell("exit 0"))
        phases: list[str] = []
        async for event in cluster.watch(Kind.POD, resource_version="0"):
            phases.append(event.object["status"]["phase"])
            if ended(event.object):
                break
        assert phases == ["Pending", "Running", "Succeeded"]

    async def test_its_status_is_shaped_as_a_kubelet_s(self, cluster: LocalCluster) -> None:
        status = (await run(cluster, shell("exit 0")))["status"]
        state = status["containerStatuses"][0]["state"]["terminated"]
        assert (state["exitCode"], state["reason"]) == (0, "Completed")
        assert state["startedAt"] <= state["finishedAt"]
        assert status["startTime"] <= state["startedAt"]
        assert {one["type"] for one in status["conditions"]} >= {"PodScheduled", "Initialized", "Ready"}

    async def test_an_exit_code_is_kept(self, cluster: LocalCluster) -> None:
        failed = await run(cluster, shell("exit 3"))
        assert failed["status"]["phase"] == "Failed"
        assert (terminated(failed)["exitCode"], terminated(failed)["reason"]) == (3, "Error")

    async def test_a_signal_is_128_and_its_number(self, cluster: LocalCluster) -> None:
        failed = await run(cluster, shell("kill -KILL $$$$"))
        assert (terminated(failed)["exitCode"], terminated(failed)["signal"]) == (137, 9)

    @pytest.mark.parametrize(
        ("container", "words"),
        [
            ({"command": ["no-such-program"]}, 'exec: "no-such-program": executable file not found'),
            ({"command": ["/no/such/program"]}, "no such file"),
            ({"command": ["/etc/passwd"]}, "permission denied"),
            ({"image": "alpine"}, "no command specified"),
            ({"command": ["true"], "workingDir": "/no/such/directory"}, "working directory /no/such/directory"),
            ({"command": ["echo", "a\0b"]}, "null byte"),
            ({"command": ["true"], "env": [{"name": "A", "value": "x" * 200_000}]}, "too long"),
        ],
    )
    async def test_what_cannot_be_started_ends_with_the_reason(
        self, cluster: LocalCluster, container: dict[str, Any], words: str
    ) -> None:
        failed = await run(cluster, pod(containers=[{"name": "main", **container}]))
        assert failed["status"]["phase"] == "Failed"
        assert (terminated(failed)["exitCode"], terminated(failed)["reason"]) == (128, "StartError")
        assert words in terminated(failed)["message"].lower().replace(
            "executable file not found", "executable file not found"
        )

    async def test_the_termination_message_is_what_was_written_to_its_file(self, cluster: LocalCluster) -> None:
        path = cluster.layout.paths(NS, "pod-1", None).termination_log
        done = await run(cluster, shell(f"printf 'wörds' > {path}", main={"terminationMessagePath": path}))
        assert terminated(done)["message"] == "wörds"

    async def test_a_message_is_cut_at_4096_bytes(self, cluster: LocalCluster) -> None:
        path = cluster.layout.paths(NS, "pod-1", None).termination_log
        done = await run(
            cluster, shell(f"head -c 9000 /dev/zero | tr '\\0' x > {path}", main={"terminationMessagePath": path})
        )
        assert terminated(done)["message"] == "x" * 4096

    async def test_a_manifest_cannot_have_files_of_the_machine_written(
        self, cluster: LocalCluster, tmp_path: Path
    ) -> None:
        target = tmp_path / "outside"
        await run(cluster, shell("true", main={"terminationMessagePath": str(target)}))
        assert not there(target)

    async def test_the_log_stands_in_for_a_missing_message_where_the_pod_wants_it(self, cluster: LocalCluster) -> None:
        wish = {"terminationMessagePolicy": "FallbackToLogsOnError"}
        failed = await run(cluster, shell("echo out; echo err >&2; exit 1", main=wish))
        assert terminated(failed)["message"] == "out\nerr\n"

    async def test_init_containers_run_first_and_in_order(self, cluster: LocalCluster) -> None:
        work = cluster.layout.paths(NS, "pod-1", None).work
        inits = [
            {"name": name, "command": ["/bin/sh", "-c", f"echo {name} >> {work}/order"]} for name in ("one", "two")
        ]
        await run(cluster, shell(f"cat {work}/order", initContainers=inits))
        assert await log(cluster) == "one\ntwo\n"

    async def test_a_failed_init_container_fails_the_pod(self, cluster: LocalCluster) -> None:
        inits = [{"name": "setup", "command": ["false"]}, {"name": "never", "command": ["true"]}]
        status = (await run(cluster, shell("true", initContainers=inits)))["status"]
        assert status["phase"] == "Failed"
        assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 1
        assert "waiting" in status["initContainerStatuses"][1]["state"]
        assert "waiting" in status["containerStatuses"][0]["state"]

    async def test_a_pod_of_several_containers_ends_with_the_last(self, cluster: LocalCluster) -> None:
        manifest = shell("exit 0")
        manifest["spec"]["containers"].append({"name": "other", "command": ["/bin/sh", "-c", "sleep 0.2; exit 4"]})
        done = await run(cluster, manifest)
        codes = [one["state"]["terminated"]["exitCode"] for one in done["status"]["containerStatuses"]]
        assert (done["status"]["phase"], codes) == ("Failed", [0, 4])


class TestSurroundings:
    async def test_env_and_args_arrive_byte_exact(self, cluster: LocalCluster) -> None:
        hostile = "a\"; touch x; \"$(id)`id`\n\t\\n ünïcode 💥 'quoted' $HOME $$"
        escaped = hostile.replace("$", "$$")
        container = {
            "name": "main",
            "command": ["/bin/sh", "-c", 'printf %s "$$VALUE"; printf %s "$$1"', "sh", escaped],
            "env": [{"name": "VALUE", "value": escaped}],
        }
        await run(cluster, pod(containers=[container]))
        assert await log(cluster) == hostile * 2

    async def test_the_caller_s_environment_does_not_leak(
        self, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
        await run(cluster, shell("env"))
        assert "hunter2" not in await log(cluster)

    async def test_it_reads_nothing_from_the_caller_s_terminal(self, cluster: LocalCluster) -> None:
        await run(cluster, shell("cat; echo done"))
        assert await log(cluster) == "done\n"

    async def test_it_starts_in_an_empty_directory_of_its_own(self, cluster: LocalCluster) -> None:
        await run(cluster, shell("pwd; ls -A"))
        assert await log(cluster) == cluster.layout.paths(NS, "pod-1", None).work + "\n"

    async def test_volumes_are_where_the_pod_mounts_them(self, cluster: LocalCluster) -> None:
        paths = cluster.layout.paths(NS, "pod-1", None)
        await cluster.create(
            Kind.CONFIG_MAP, config_map(data={"KEY": "text\n", "other": "x"}, binaryData={"raw": "AP8="})
        )
        volumes = [
            {"name": "control", "emptyDir": {}},
            {"name": "files", "configMap": {"name": "values", "items": [{"key": "KEY", "path": "inputs/KEY"}]}},
            {"name": "all", "projected": {"sources": [{"configMap": {"name": "values"}}]}},
        ]
        mounts = [
            {"name": "control", "mountPath": paths.control},
            {"name": "files", "mountPath": paths.files},
            {"name": "all", "mountPath": f"{paths.files}-all"},
        ]
        text = (
            f"cd {paths.control} && touch x; cat {paths.files}/inputs/KEY; "
            f"ls {paths.files}-all; od -An -tx1 {paths.files}-all/raw"
        )
        done = await run(cluster, shell(text, main={"volumeMounts": mounts}, volumes=volumes))
        assert done["status"]["phase"] == "Succeeded"
        assert await log(cluster) == "text\nKEY\nother\nraw\n 00 ff\n"

    async def test_a_claim_is_a_directory_that_pods_share(self, cluster: LocalCluster) -> None:
        await cluster.create(Kind.CLAIM, claim())
        bound = await until(cluster, lambda one: one["status"]["phase"] == "Bound", name="volume", kind=Kind.CLAIM)
        assert bound["spec"]["volumeName"]
        root = cluster.layout.volume_root(NS, "volume")
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "volume"}}]
        own = [{"name": "v", "mountPath": f"{root}/runs/a", "subPath": "runs/a"}]
        await run(
            cluster, shell(f"echo shared > {root}/runs/a/file", "one", main={"volumeMounts": own}, volumes=volumes)
        )
        whole = [{"name": "v", "mountPath": root, "readOnly": True}]
        await run(cluster, shell(f"cat {root}/runs/a/file", "two", main={"volumeMounts": whole}, volumes=volumes))
        assert await log(cluster, "two") == "shared\n"

    async def test_a_claim_s_directory_goes_with_it(self, cluster: LocalCluster) -> None:
        made = await cluster.create(Kind.CLAIM, claim())
        await until(cluster, lambda one: one["status"]["phase"] == "Bound", name="volume", kind=Kind.CLAIM)
        directory = Path(cluster.layout.volume_root(NS, "volume"))
        await run(cluster, shell(f"touch {directory}/file"))
        await cluster.delete(Kind.CLAIM, NS, "volume", uid=made["metadata"]["uid"])
        assert await eventually(lambda: not directory.exists())

    async def test_a_claim_that_is_not_there_is_waited_for(self, cluster: LocalCluster) -> None:
        root = cluster.layout.volume_root(NS, "volume")
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "volume"}}]
        await cluster.create(
            Kind.POD, shell("true", main={"volumeMounts": [{"name": "v", "mountPath": root}]}, volumes=volumes)
        )
        waiting = await until(cluster, lambda one: bool(one["status"].get("conditions")))
        condition = waiting["status"]["conditions"][0]
        assert (condition["reason"], condition["message"]) == (
            "Unschedulable",
            'persistentvolumeclaim "volume" not found',
        )
        await cluster.create(Kind.CLAIM, claim())
        assert (await until(cluster, ended))["status"]["phase"] == "Succeeded"

    async def test_a_config_map_that_is_not_there_is_waited_for(self, cluster: LocalCluster) -> None:
        env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "values", "key": "KEY"}}}]
        await cluster.create(Kind.POD, shell('echo "$$A"', main={"env": env}))
        waiting = await until(cluster, lambda one: bool(one["status"].get("containerStatuses")))
        state = waiting["status"]["containerStatuses"][0]["state"]["waiting"]
        assert (state["reason"], state["message"]) == ("CreateContainerConfigError", 'configmap "values" not found')
        await cluster.create(Kind.CONFIG_MAP, config_map("other"))
        await cluster.create(Kind.CONFIG_MAP, config_map(data={"KEY": "late"}))
        await until(cluster, ended)
        assert await log(cluster) == "late\n"

    @pytest.mark.parametrize(
        ("volume", "path", "words"),
        [
            ({"emptyDir": {}}, "/brood-test-outside", "no mount outside"),
            ({"emptyDir": {}}, "{work}/../../../../../outside", "no mount outside"),
            ({"hostPath": {"path": "/etc"}}, "{work}/x", "hostPath"),
            ({"secret": {"secretName": "s"}}, "{work}/x", "secret"),
        ],
    )
    async def test_a_volume_that_this_cluster_cannot_offer_fails_the_pod(
        self, cluster: LocalCluster, volume: dict[str, Any], path: str, words: str
    ) -> None:
        mount = {"name": "v", "mountPath": path.format(work=cluster.layout.paths(NS, "pod-1", None).work)}
        failed = await run(cluster, shell("true", main={"volumeMounts": [mount]}, volumes=[{"name": "v", **volume}]))
        assert words in terminated(failed)["message"]
        assert not there(Path("/brood-test-outside"))

    async def test_the_directories_of_an_ended_pod_are_removed_and_its_log_stays(self, cluster: LocalCluster) -> None:
        await run(cluster, shell("echo kept; touch file"))
        directory = cluster.layout.pod_directory(NS, "pod-1")
        assert await eventually(lambda: not directory.exists())
        assert await log(cluster) == "kept\n"


class TestLog:
    async def test_it_is_live_and_mixes_both_streams(self, cluster: LocalCluster) -> None:
        await cluster.create(Kind.POD, shell("echo out; echo err >&2; echo out2; sleep 60"))
        file = cluster.layout.log(NS, "pod-1")
        assert await eventually(lambda: content(file) == "out\nerr\nout2\n")
        assert await log(cluster) == "out\nerr\nout2\n"

    async def test_its_end_can_be_read_by_lines(self, cluster: LocalCluster) -> None:
        await run(cluster, shell("seq 1 100000"))
        assert await cluster.read_log(NS, "pod-1", tail_lines=2, limit_bytes=100) == b"99999\n100000\n"
        assert await cluster.read_log(NS, "pod-1", tail_lines=2, limit_bytes=3) == b"999"
        assert await cluster.read_log(NS, "pod-1", limit_bytes=4) == b"1\n2\n"

    async def test_there_is_none_of_a_pod_that_is_not_there(self, cluster: LocalCluster) -> None:
        with pytest.raises(NotFound):
            await cluster.read_log(NS, "pod-1", limit_bytes=10)


class TestStop:
    async def test_a_deleted_pod_gets_term_and_may_end_well(self, cluster: LocalCluster) -> None:
        uid = (await cluster.create(Kind.POD, shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done")))[
            "metadata"
        ]["uid"]
        await started(cluster)
        await cluster.delete(Kind.POD, NS, "pod-1", uid=uid)
        last = await until(cluster, lambda _: False)
        assert last["status"]["phase"] == "Succeeded"

    async def test_one_that_does_not_listen_is_killed_after_its_grace_period(self, cluster: LocalCluster) -> None:
        manifest = shell("trap '' TERM; echo up; while :; do sleep 1; done", terminationGracePeriodSeconds=1)
        uid = (await cluster.create(Kind.POD, manifest))["metadata"]["uid"]
        await started(cluster)
        await cluster.delete(Kind.POD, NS, "pod-1", uid=uid)
        last = await until(cluster, lambda _: False)
        assert (last["status"]["phase"], terminated(last)["exitCode"]) == ("Failed", 137)

    async def test_a_finalizer_keeps_the_object_and_its_end(self, cluster: LocalCluster) -> None:
        manifest = shell("exec sleep 60")
        manifest["metadata"]["finalizers"] = ["brood.dev/result"]
        uid = (await cluster.create(Kind.POD, manifest))["metadata"]["uid"]
        await until(cluster, running)
        await cluster.delete(Kind.POD, NS, "pod-1", uid=uid, grace_seconds=5)
        held = await until(cluster, ended)
        assert terminated(held)["exitCode"] == 143
        assert cluster.store.get(Kind.POD, NS, "pod-1")["metadata"]["deletionGracePeriodSeconds"] == 0
        await cluster.patch(Kind.POD, NS, "pod-1", {"metadata": {"finalizers": None}})
        assert cluster.store.count(Kind.POD) == 0

    async def test_a_deletion_with_no_grace_kills(self, cluster: LocalCluster, tmp_path: Path) -> None:
        uid = (await cluster.create(Kind.POD, shell(f"trap '' TERM; echo $$$$ > {tmp_path}/pid; sleep 60")))[
            "metadata"
        ]["uid"]
        pid = await read_pid(tmp_path / "pid")
        await cluster.delete(Kind.POD, NS, "pod-1", uid=uid, grace_seconds=0)
        assert await dead(pid)

    async def test_a_pod_that_is_deleted_at_once_never_starts(self, cluster: LocalCluster, tmp_path: Path) -> None:
        uid = (await cluster.create(Kind.POD, shell(f"touch {tmp_path}/started")))["metadata"]["uid"]
        await cluster.delete(Kind.POD, NS, "pod-1", uid=uid)
        await run(cluster, shell("sleep 0.1", "another"))
        assert not there(tmp_path / "started")

    async def test_a_pod_that_waits_can_be_deleted(self, cluster: LocalCluster) -> None:
        env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "values", "key": "KEY"}}}]
        uid = (await cluster.create(Kind.POD, shell("true", main={"env": env})))["metadata"]["uid"]
        await until(cluster, lambda one: bool(one["status"].get("containerStatuses")))
        await cluster.delete(Kind.POD, NS, "pod-1", uid=uid)
        last = await until(cluster, lambda _: False)
        assert last["status"]["phase"] == "Failed"

    async def test_the_deadline_ends_it(self, cluster: LocalCluster) -> None:
        failed = await run(cluster, shell("exec sleep 60", activeDeadlineSeconds=1))
        assert (failed["status"]["phase"], failed["status"]["reason"]) == ("Failed", "DeadlineExceeded")
        assert terminated(failed)["exitCode"] == 143

    async def test_past_its_deadline_even_a_good_end_is_a_failure(self, cluster: LocalCluster) -> None:
        failed = await run(cluster, shell("trap 'exit 0' TERM; while :; do sleep 0.01; done", activeDeadlineSeconds=1))
        assert (failed["status"]["phase"], terminated(failed)["exitCode"]) == ("Failed", 0)

    async def test_a_deadline_can_be_brought_forward(self, cluster: LocalCluster) -> None:
        await cluster.create(Kind.POD, shell("exec sleep 60", activeDeadlineSeconds=3600))
        await until(cluster, running)
        await cluster.patch(Kind.POD, NS, "pod-1", {"spec": {"activeDeadlineSeconds": 1}})
        assert (await until(cluster, ended))["status"]["reason"] == "DeadlineExceeded"


class TestNothingIsLeft:
    async def test_a_background_child_ends_with_its_script(self, cluster: LocalCluster, tmp_path: Path) -> None:
        done = await run(cluster, shell(f"sleep 60 & echo $! > {tmp_path}/pid; exit 0"))
        assert done["status"]["phase"] == "Succeeded"
        assert await dead(await read_pid(tmp_path / "pid"))

    async def test_so_does_one_with_a_session_of_its_own(self, cluster: LocalCluster, tmp_path: Path) -> None:
        await run(cluster, shell(f"setsid sh -c 'echo $$$$ > {tmp_path}/pid; sleep 60' & sleep 0.3"))
        assert await dead(await read_pid(tmp_path / "pid"))

    async def test_the_daemons_of_one_pod_live_while_it_does(self, cluster: LocalCluster, tmp_path: Path) -> None:
        daemon = f"(setsid sh -c 'echo $$$$ > {tmp_path}/pid; exec sleep 60' &); sleep 60"
        uid = (await cluster.create(Kind.POD, shell(daemon, "with-daemon")))["metadata"]["uid"]
        pid = await read_pid(tmp_path / "pid")
        await run(cluster, shell("true", "another"))
        await asyncio.sleep(0.1)
        assert alive(pid)
        await cluster.delete(Kind.POD, NS, "with-daemon", uid=uid, grace_seconds=0)
        assert await dead(pid)

    async def test_other_children_of_this_program_are_left_alone(self, cluster: LocalCluster) -> None:
        other = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220 - somebody else's
        try:
            await run(cluster, shell("true"))
            await asyncio.sleep(0.1)
            await cluster.close()
            assert other.poll() is None
        finally:
            other.kill()
            other.wait()

    async def test_closing_kills_also_what_left_its_session_and_its_environment(
        self, cluster: LocalCluster, tmp_path: Path
    ) -> None:
        await run(cluster, shell(f"env -i setsid sh -c 'echo $$$$ > {tmp_path}/pid; exec sleep 60' & sleep 0.3"))
        pid = await read_pid(tmp_path / "pid")
        await cluster.close()
        assert not alive(pid)

    async def test_closing_kills_and_reaps_everything(self, cluster: LocalCluster, tmp_path: Path) -> None:
        before = children()
        script = "trap '' TERM; sleep 61 & (setsid sleep 62 &); sleep 63"
        for number in range(5):
            await cluster.create(Kind.POD, shell(f"echo $$$$ > {tmp_path}/{number}; {script}", f"pod-{number}"))
        pids = [await read_pid(tmp_path / str(number)) for number in range(5)]
        await asyncio.sleep(0.2)
        await cluster.close()
        assert not any(alive(pid) for pid in pids)
        assert marked(str(cluster.layout.state)) == []
        assert children() <= before  # no zombie either

    async def test_even_a_killed_brood_leaves_nothing(self, tmp_path: Path) -> None:
        """The guard ends what the node ran, because the node cannot."""
        program = f"""
import asyncio
from pathlib import Path
from brood.cluster.local import LocalCluster
from brood.cluster.port import Kind
async def main():
    cluster = await LocalCluster(Path({str(tmp_path / "state")!r})).start()
    daemon = "(setsid sh -c 'echo $$$$ > {tmp_path}/daemon; sleep 60' &)"
    text = f"trap '' TERM; echo $$$$ > {tmp_path}/pid; {{daemon}}; sleep 60"
    container = {{"name": "main", "command": ["/bin/sh", "-c", text]}}
    await cluster.create(Kind.POD, {{"metadata": {{"name": "p"}}, "spec": {{"containers": [container]}}}})
    await asyncio.sleep(60)
asyncio.run(main())
"""
        brood = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
        pids = [await read_pid(tmp_path / "pid"), await read_pid(tmp_path / "daemon")]
        assert all(alive(pid) for pid in pids)
        brood.kill()
        await brood.wait()
        assert [await dead(pid) for pid in pids] == [True, True]

    async def test_interrupts_of_the_terminal_do_not_reach_a_pod(self, cluster: LocalCluster, tmp_path: Path) -> None:
        await cluster.create(Kind.POD, shell(f"echo $$$$ > {tmp_path}/pid; sleep 60"))
        pid = await read_pid(tmp_path / "pid")
        assert os.getsid(pid) == os.getpgid(pid) == pid
        assert signal.SIGINT.name not in (await log(cluster))


def marked(state: str) -> list[int]:
    """Return the processes that carry the mark of that state directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"@{state}".encode() in environ:
                found.append(int(entry.name))
    return found
