"""Built Pods on a real node, in a namespace that enforces the ``restricted`` Pod Security Standard."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from brood.api import labels
from brood.api.reasons import TaskReason
from brood.cluster.kubernetes.layout import KubernetesLayout
from brood.cluster.parse import parse_pod
from brood.layout import VolumeUse
from brood.pods.build import build_pod
from brood.pods.failure import is_ended, waiting
from brood.pods.results import lacks_result, needs_log, read_result
from brood.views import ArtifactRule, ArtifactSource, PodRequest, PodView, TaskResult
from tests.cluster.access import Cluster

TEMPLATE: Mapping[str, Any] = {
    "spec": {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 2000},
        "terminationGracePeriodSeconds": 5,
    }
}
CLAIM: Mapping[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "files"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
}


class Lab:
    """A namespace with a JobRun that no operator looks at, to own Pods."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        run = {
            "apiVersion": "brood.dev/v1alpha1",
            "kind": "JobRun",
            "metadata": {"name": "run"},
            "spec": {"definitionRef": {"name": "none"}},
        }
        self._create(run)
        self._create(CLAIM)
        uid = cluster.get("jobruns.brood.dev", "run", namespace=namespace)["metadata"]["uid"]
        self.request = PodRequest(
            namespace=namespace,
            name="pod",
            run="run",
            run_uid=uid,
            root="run",
            root_uid=uid,
            definition="none",
            task="task",
            handler=False,
            index=None,
            attempt=1,
            container={"image": "alpine"},
            script=None,
            env=(),
            params=(),
            outputs=(),
            output_refs={},
            capture_stdout=True,
            pod_template=TEMPLATE,
        )
        self._count = 0

    def start(self, script: str | None, **changes: Any) -> str:
        """Create a Pod and return its name."""
        self._count += 1
        name = f"pod-{self._count}"
        request = replace(self.request, name=name, script=script, **changes)
        built = build_pod(request, layout=KubernetesLayout(), nonce="0123456789abcdef")
        for one in built.config_maps:
            meta = {"name": one.name, "namespace": one.namespace}
            self._create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": dict(one.data)})
        self._create(built.pod)
        return name

    def view(self, name: str) -> PodView:
        """Return a Pod as it is now."""
        manifest = self.cluster.get("pod", name, namespace=self.namespace)
        view = parse_pod(manifest)
        assert isinstance(view, PodView)
        return replace(view, captures=labels.CAPTURE in manifest["metadata"]["annotations"])

    def wait_for(self, name: str, text: str) -> None:
        """Wait until a Pod's log holds a text."""
        self._until(lambda: text in self.cluster.kubectl("logs", name, "-n", self.namespace, check=False), name)

    def wait_until_waiting(self, name: str) -> tuple[str, str]:
        """Wait until a Pod says why it waits."""
        self._until(lambda: waiting(self.view(name)) is not None, name)
        return waiting(self.view(name)) or ("", "")

    def result(self, name: str) -> TaskResult:
        """Wait for the end of a Pod and return what became of it, as the controller does."""
        self._until(lambda: is_ended(self.view(name)), name)
        view = self.view(name)
        log = self._log(view)
        result = read_result(view, log)
        patch = '{"metadata":{"finalizers":null}}'
        self.cluster.kubectl("patch", "pod", name, "-n", self.namespace, "--type=merge", "-p", patch)
        return result

    def _log(self, view: PodView) -> bytes | None:
        asked = needs_log(view)
        if asked is None:
            return None
        tail = -1 if asked.tail_lines is None else asked.tail_lines
        words = ["logs", view.meta.name, "-n", self.namespace, f"--tail={tail}", f"--limit-bytes={asked.limit_bytes}"]
        log = b""
        for _ in range(20):  # a runtime may write the end after the Pod's
            with contextlib.suppress(UnicodeDecodeError):  # even of a character
                log = self.cluster.kubectl(*words).encode()
                if not lacks_result(view, log):
                    return log
            time.sleep(0.5)
        return log

    def run(self, script: str | None, **changes: Any) -> TaskResult:
        """Run a Pod to its end."""
        return self.result(self.start(script, **changes))

    def _create(self, manifest: Mapping[str, Any]) -> None:
        self.cluster.kubectl("create", "-n", self.namespace, "-f", "-", input=json.dumps(manifest))

    def _until(self, met: Any, name: str, *, seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while not met():
            if time.monotonic() > until:
                pytest.fail(f"Pod {name}: {self.view(name)}")
            time.sleep(0.1)


@pytest.fixture(scope="module")
def lab(kube: Cluster) -> Iterator[Lab]:
    """Give a namespace that refuses what is not restricted."""
    with kube.namespace(labels={"pod-security.kubernetes.io/enforce": "restricted"}) as namespace:
        yield Lab(kube, namespace)


def test_outputs_come_back_by_the_termination_message(lab: Lab) -> None:
    value = "quotes \" ' `x` $(touch x) $(PATH) $$ \\n\nünïcödé ☃ 😀"
    written = 'printf "W<<EOF\\n%s\\nEOF\\n" "$1" >>$BROOD_OUTPUT; echo ::set-output name=S::a=b; id -u >&2'
    script = f'printf "%s\\n\\n" "$V"; {written}'
    result = lab.run(script, params=(("V", value),))
    assert result.reason is None, result
    assert result.stdout == f"{value}\n\n::set-output name=S::a=b"
    assert result.outputs == {"W": value, "S": "a=b"}
    assert result.finished_at is not None


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("head -c 262144 /dev/zero | tr '\\0' x", "x" * 262_144),
        ("yes 'a line of text' | head -n 15000", "a line of text\n" * 15_000),
    ],
    ids=["one line", "many lines"],
)
def test_large_outputs_come_back_by_the_log(lab: Lab, script: str, line: str) -> None:
    result = lab.run(f"echo noise >&2; {script}; i=0; while [ $i -lt 500 ]; do echo noise $i >&2; i=$((i + 1)); done")
    assert result.reason is None, result.message
    assert result.stdout == line.rstrip("\n")


def test_large_inputs_are_files(lab: Lab) -> None:
    value = "é\n$(x)" * 15_000
    same = '[ "$1" = "$(cat "$BROOD_INPUTS/BIG")" ] && [ -z "${BIG+x}" ] && grep -q BIG "$BROOD_PARAMS"'
    script = f'cat "$BROOD_INPUTS/BIG"; {same}'
    result = lab.run(script, params=(("BIG", value),))
    assert result.reason is None, result
    assert result.stdout == value


def test_artifacts_pass_from_pod_to_pod(lab: Lab) -> None:
    first = VolumeUse(claim="files", directory="run/split/1", single_node=True)
    second = VolumeUse(claim="files", directory="run/combine/1", single_node=True)
    made = lab.run(
        "mkdir d; echo 1 >video.1; echo 22 >'video.two words'; echo 3 >d/x",
        artifacts=ArtifactRule(("video.*", "d"), "OnSuccess"),
        volume=first,
    )
    assert made.reason is None, made
    assert [(one.path, one.size) for one in made.artifacts] == [("video.1", 2), ("video.two words", 3), ("d/x", 2)]
    taken = lab.run(
        "cat video.* d/x; cat /brood/volume/run/split/1/video.1; touch /brood/volume/x 2>/dev/null || echo read-only",
        artifact_sources=(ArtifactSource("run/split/1"),),
        volume=second,
    )
    assert taken.stdout == "1\n22\n3\n1\nread-only"


def test_f9_a_missing_artifact_is_named(lab: Lab) -> None:
    volume = VolumeUse(claim="files", directory="run/missing/1", single_node=True)
    result = lab.run("true", artifacts=ArtifactRule(("video.*",), "OnSuccess"), volume=volume)
    assert result.reason is TaskReason.ARTIFACT_MISSING
    assert "'video.*'" in result.message


def test_a_failed_script_says_why(lab: Lab) -> None:
    result = lab.run("echo partial; echo 'no such codec' >&2; exit 3")
    assert (result.reason, result.exit_code) == (TaskReason.EXIT_CODE, 3)
    assert result.message == "exit code 3: no such codec"
    assert result.stdout == "partial"


def test_an_output_that_is_not_utf8_is_refused(lab: Lab) -> None:
    assert lab.run("printf 'a\\377b'").reason is TaskReason.OUTPUT_INVALID
    assert lab.run("printf 'a\\000b'").reason is TaskReason.OUTPUT_INVALID


def test_a_background_child_holds_nothing(lab: Lab) -> None:
    result = lab.run("sleep 1000 &\necho done")
    assert (result.reason, result.stdout) == (None, "done")


def test_memory_beyond_the_limit_is_told(lab: Lab) -> None:
    container = {"image": "alpine", "resources": {"limits": {"memory": "24Mi"}}}
    result = lab.run("tail /dev/zero", container=container)
    assert result.reason is TaskReason.OOM_KILLED
    assert result.exit_code == 137


def test_a_deleted_pod_that_still_exits_0_has_succeeded(lab: Lab) -> None:
    name = lab.start("trap 'echo cleaned; exit 0' TERM\necho ready\nwhile :; do sleep 0.1; done")
    lab.wait_for(name, "ready")
    lab.cluster.kubectl("delete", "pod", name, "-n", lab.namespace, "--wait=false")
    result = lab.result(name)
    assert (result.reason, result.stdout) == (None, "ready\ncleaned")


def test_a_deleted_pod_is_no_fault_of_its_task(lab: Lab) -> None:
    name = lab.start("echo ready\nsleep 1000")
    lab.wait_for(name, "ready")
    lab.cluster.kubectl("delete", "pod", name, "-n", lab.namespace, "--wait=false")
    result = lab.result(name)
    assert (result.reason, result.infrastructure) == (TaskReason.POD_DELETED, True)


def test_the_timeout_is_kept_by_the_kubelet(lab: Lab) -> None:
    result = lab.run("echo begun\nsleep 1000", timeout_seconds=2)
    assert result.reason is TaskReason.DEADLINE_EXCEEDED
    assert not result.infrastructure


def test_the_log_of_a_container_without_a_script_is_its_output(lab: Lab) -> None:
    container = {"image": "alpine", "command": ["printf", "%s|%s|%s\\n\\n", "$(V)", "$$(V)", "$(NONE)"]}
    result = lab.run(None, container=container, params=(("V", "$(HOME) $$"),))
    assert (result.reason, result.stdout) == (None, "$(HOME) $$|$(V)|$(NONE)")


def test_a_program_that_is_not_there_is_named(lab: Lab) -> None:
    result = lab.run(None, container={"image": "alpine", "command": ["no-such-program"]})
    assert result.reason is TaskReason.CREATE_CONTAINER_FAILED
    assert "no-such-program" in result.message


def test_an_image_that_is_not_there_is_waited_for_in_the_kubelets_words(lab: Lab) -> None:
    reason, message = lab.wait_until_waiting(lab.start("true", container={"image": "no-such/image:1"}))
    assert reason == "ImagePull"
    assert "no-such/image:1" in message


def test_what_no_node_can_hold_waits_in_the_schedulers_words(lab: Lab) -> None:
    container = {"image": "alpine", "resources": {"requests": {"cpu": "1000"}}}
    reason, message = lab.wait_until_waiting(lab.start("true", container=container))
    assert reason == "Unschedulable"
    assert "Insufficient cpu" in message
