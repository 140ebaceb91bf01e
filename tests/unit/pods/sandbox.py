"""Runs built Pods as processes, the way a kubelet would run their container, and reads what became of them."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from brood.cluster.local.expansion import expand
from brood.layout import PodPaths, VolumeUse
from brood.pods.build import BuiltPod, build_pod
from brood.pods.results import LogRequest, needs_log, read_result
from brood.views import ContainerEnd, Meta, PodRequest, PodView, TaskResult

NONCE = "n0nce"
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
SHELLS = tuple(name for name in ("dash", "busybox", "bash") if which(name))
REQUEST = PodRequest(
    namespace="videos",
    name="encode-42-split-abc",
    run="encode-42",
    run_uid="uid-42",
    root="encode-42",
    root_uid="uid-42",
    definition="encoding",
    task="split",
    handler=False,
    index=None,
    attempt=1,
    container={"image": "alpine"},
    script="true\n",
    env=(),
    params=(),
    outputs=(),
    output_refs={},
    capture_stdout=False,
)
NOTHING: Mapping[str, Mapping[str, str]] = {}
VOLUME = VolumeUse(claim="files", directory="encode-42/split/1", single_node=True)


class HostLayout:
    """Directories of this machine in place of mounts."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def paths(self, namespace: str, pod: str, volume: VolumeUse | None) -> PodPaths:  # noqa: ARG002
        own = self.root / pod
        return PodPaths(
            control=f"{own}/run",
            work=f"{own}/work",
            files=f"{own}/files",
            volume=self.volume_root("", "") if volume else "",
            artifacts=f"{self.root}/volume/{volume.directory}" if volume else f"{own}/artifacts",
            termination_log=f"{own}/termination-log",
        )

    def volume_root(self, namespace: str, claim: str) -> str:  # noqa: ARG002
        return f"{self.root}/volume"


@dataclass(frozen=True)
class Outcome:
    """What a Pod left."""

    code: int
    log: bytes
    message: bytes
    asked: LogRequest | None
    result: TaskResult
    seconds: float


def ended_pod(code: int = 0, left: str = "", **changes: Any) -> PodView:
    """Return a Pod whose container has ended."""
    reason = changes.pop("end_reason", "Completed" if code == 0 else "Error")
    end = ContainerEnd(exit_code=code, signal=0, reason=reason, message=left, started_at=NOW, finished_at=NOW)
    return pod_view(**{"phase": "Succeeded" if code == 0 else "Failed", "started_at": NOW, "ended": end, **changes})


def pod_view(**changes: Any) -> PodView:
    """Return a Pod that waits to be scheduled."""
    meta = Meta(namespace="videos", name="encode-42-split-abc", uid="pod-1", resource_version="1", created_at=NOW)
    meta = replace(meta, **changes.pop("meta", {}))
    view = PodView(
        meta=meta,
        run="encode-42",
        root="encode-42",
        task="split",
        handler=False,
        index=None,
        attempt=1,
        phase="Pending",
    )
    return replace(view, **changes)


class Sandbox:
    """One machine with a shell of its own; ``tools`` limits what else is on PATH."""

    def __init__(self, root: Path, shell: str, *, tools: tuple[str, ...] | None = None) -> None:
        self.root = root
        self.layout = HostLayout(root)
        self.sh = root / "bin" / "sh"
        self.sh.parent.mkdir(parents=True)
        self.sh.symlink_to(str(which(shell)))
        self.path = os.environ["PATH"]
        if tools is not None:
            self.path = str(root / "tools")
            Path(self.path).mkdir()
            for tool in tools:
                (root / "tools" / tool).symlink_to(str(which(tool)))

    @property
    def work(self) -> Path:
        """The working directory."""
        return Path(self.layout.paths("", REQUEST.name, None).work)

    @property
    def volume(self) -> Path:
        """The root run's volume."""
        return self.root / "volume"

    def start(
        self,
        script: str | None = REQUEST.script,
        *,
        setup: str = "",
        maps: Mapping[str, Mapping[str, str]] = NOTHING,
        **changes: Any,
    ) -> "Running":
        """Start a Pod; ``setup`` is run by a shell in the working directory, ``maps`` are ConfigMaps of the run."""
        request = replace(REQUEST, script=script, **changes)
        built = build_pod(request, layout=self.layout, nonce=NONCE)
        main = built.pod["spec"]["containers"][0]
        self._mount(built, main, maps)
        if setup:
            subprocess.run(["/bin/bash", "-ec", setup], cwd=self.work, check=True)
        return Running(self, built, main)

    def run(self, script: str | None = REQUEST.script, **changes: Any) -> Outcome:
        """Run a Pod to its end."""
        return self.start(script, **changes).outcome()

    def _mount(self, built: BuiltPod, main: Mapping[str, Any], others: Mapping[str, Mapping[str, str]]) -> None:
        volumes = {volume["name"]: volume for volume in built.pod["spec"]["volumes"]}
        maps = {one.name: one.data for one in built.config_maps} | dict(others)
        for mount in main.get("volumeMounts", ()):
            place = Path(mount["mountPath"])
            place.mkdir(parents=True, exist_ok=True)
            for source in volumes[mount["name"]].get("projected", {}).get("sources", ()):
                data = maps[source["configMap"]["name"]]
                items = source["configMap"].get("items", [{"key": key, "path": key} for key in data])
                for item in items:
                    (place / item["path"]).write_bytes(data[item["key"]].encode())


class Running:
    """A Pod while it runs, in a session of its own."""

    def __init__(self, sandbox: Sandbox, built: BuiltPod, main: Mapping[str, Any]) -> None:
        self.built = built
        maps = {one.name: one.data for one in built.config_maps}
        self._message = main.get("terminationMessagePath")
        variables: dict[str, str] = {"PATH": sandbox.path}
        for one in main.get("env", ()):
            variables[one["name"]] = expand(one.get("value", ""), variables)
            if found := one.get("valueFrom", {}).get("configMapKeyRef"):
                variables[one["name"]] = maps[found["name"]][found["key"]]  # which nothing expands
        argv = [expand(word, variables) for word in (*main["command"], *main.get("args", ()))]
        if self._message is not None:
            argv = [word.replace("/bin/sh", str(sandbox.sh)) for word in argv]
        self.log_path = sandbox.root / "log"
        self._begun = time.monotonic()
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                argv,
                env=variables,
                cwd=main.get("workingDir", str(sandbox.root)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> bytes:
        """What was written until now."""
        return self.log_path.read_bytes()

    def wait_for(self, text: bytes, *, seconds: float = 10.0) -> None:
        """Wait until the log holds a text."""
        until = time.monotonic() + seconds
        while text not in self.log:
            if time.monotonic() > until or self.process.poll() is not None:
                pytest.fail(f"{text!r} is not in the log: {self.log!r}")
            time.sleep(0.005)

    def outcome(self, *, seconds: float = 60.0) -> Outcome:
        """Wait for the end, and take everything that is left with it, as a container does."""
        try:
            code = self.process.wait(seconds)
        finally:
            took = time.monotonic() - self._begun
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        code = 128 - code if code < 0 else code
        message = b""
        if self._message is not None and Path(self._message).is_file():
            message = Path(self._message).read_bytes()[-4096:]
        notes = self.built.pod["metadata"]["annotations"]
        pod = ended_pod(
            code,
            "".join(
                chr(0xFFFD) if 0xDC80 <= ord(one) <= 0xDCFF else one for one in message.decode(errors="surrogateescape")
            ),
            nonce=notes.get("brood.dev/nonce", ""),
            captures="brood.dev/capture" in notes,
        )
        asked = needs_log(pod)
        return Outcome(code, self.log, message, asked, read_result(pod, self._read(asked)), took)

    def _read(self, asked: LogRequest | None) -> bytes | None:
        """Return the part of the log as an API server cuts it."""
        if asked is None:
            return None
        log = self.log
        if asked.tail_lines is not None:
            log = b"".join(log.splitlines(keepends=True)[-asked.tail_lines :]) if b"\r" not in log else log
        return log[: asked.limit_bytes]
