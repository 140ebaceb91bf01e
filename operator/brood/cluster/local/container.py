"""One container of a Pod: its process, and its part of the Pod's status."""

import signal
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from brood.api.base import format_time
from brood.cluster.local import process
from brood.cluster.local.directories import ensure_directory
from brood.cluster.local.environment import Find, command_line, declared_variables, surroundings
from brood.cluster.local.layout import LocalLayout
from brood.cluster.local.logs import last_lines
from brood.cluster.local.starting import Unstartable
from brood.cluster.port import Manifest

_MESSAGE_BYTES = 4096
_FALLBACK_LINES = 80
_FALLBACK_BYTES = 2048
_START_ERROR = 128
"""The exit code that a container runtime gives to what it could not start."""


class Container:
    """A container that is to run as a process; it runs once."""

    def __init__(
        self, spec: Mapping[str, Any], *, pod: Manifest, layout: LocalLayout, clock: Callable[[], datetime]
    ) -> None:
        self._spec = spec
        self._pod = pod
        self._layout = layout
        self._clock = clock
        self._process: process.Process | None = None
        self._started_at = ""
        meta = pod["metadata"]
        self._own = layout.pod_directory(meta["namespace"], meta["name"])
        self._log = layout.log(meta["namespace"], meta["name"], spec["name"])
        self.state: dict[str, Any] = {"waiting": {"reason": "PodInitializing"}}

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    @property
    def succeeded(self) -> bool:
        """Whether it has ended with exit code 0."""
        return bool("terminated" in self.state and self.state["terminated"]["exitCode"] == 0)

    async def start(self, find: Find) -> None:
        """Start the process.

        Raises
        ------
        Missing
            A ConfigMap that its environment names is not there yet.
        """
        try:
            declared = declared_variables(self._spec, pod=self._pod, find=find)
            environment = surroundings(self._pod, self._layout.state) | declared
            argv = command_line(self._spec, declared)
            directory = self._working_directory()
            self._message_file(create=True)
            ensure_directory(self._log.parent)
            self._process = await process.start(argv, environment=environment, directory=directory, log=self._log)
        except Unstartable as error:
            self.refuse(str(error))
            return
        self._started_at = format_time(self._clock())
        self.state = {"running": {"startedAt": self._started_at}}

    async def wait(self) -> None:
        """Wait for the end; the state then says how it ended."""
        if self._process is None:
            return
        code = await self._process.ended
        ended: dict[str, Any] = {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}
        if code < 0:
            ended |= {"exitCode": 128 - code, "signal": -code}
        message = self._message(failed=code != 0)
        if message:
            ended["message"] = message
        ended |= {"startedAt": self._started_at, "finishedAt": format_time(self._clock())}
        self.state = {"terminated": ended}

    def refuse(self, why: str) -> None:
        """Record that the container cannot be started."""
        self.state = {
            "terminated": {
                "exitCode": _START_ERROR,
                "reason": "StartError",
                "message": why,
                "startedAt": "1970-01-01T00:00:00Z",
                "finishedAt": format_time(self._clock()),
            }
        }

    def stop(self, number: signal.Signals) -> None:
        """Send TERM to the process, or KILL to its whole group."""
        if self._process is None:
            return
        if number is signal.SIGKILL:
            self._process.kill()
        else:
            self._process.terminate()

    def status(self) -> dict[str, Any]:
        """Return the ContainerStatus."""
        running = "running" in self.state
        return {
            "name": self._spec["name"],
            "state": self.state,
            "lastState": {},
            "ready": running,
            "started": running,
            "restartCount": 0,
            "image": self._spec.get("image", ""),
            "imageID": "",
        }

    def _working_directory(self) -> Path:
        wanted = self._spec.get("workingDir")
        directory = Path(wanted) if wanted else self._own / "work"
        if directory.is_relative_to(self._layout.state) and ".." not in directory.parts:
            ensure_directory(directory)
        return directory

    def _message_file(self, *, create: bool) -> Path | None:
        wanted = self._spec.get("terminationMessagePath")
        path = Path(wanted) if wanted else self._own / "termination-log"
        if not path.is_relative_to(self._layout.state) or ".." in path.parts:
            return None  # never write to a file of this machine because a manifest says so
        if create:
            ensure_directory(path.parent)
            path.touch()
        return path

    def _message(self, *, failed: bool) -> str:
        path = self._message_file(create=False)
        try:
            with path.open("rb") if path is not None else _NOTHING.open("rb") as file:
                content = file.read(_MESSAGE_BYTES)
        except OSError:
            content = b""
        if not content and failed and self._spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            content = last_lines(self._log, count=_FALLBACK_LINES, limit=_FALLBACK_BYTES, keep_end=True)
        return content.decode(errors="replace")


_NOTHING = Path("/dev/null")
