"""Ends the processes of a node whose own process was killed and could not do it."""

import contextlib
import subprocess
import sys
from pathlib import Path

from brood.cluster.local.environment import POD_MARK

_SCRIPT = f"""
if read -r word; then exit 0; fi
for again in 1 2 3; do
  for environ in /proc/[0-9]*/environ; do
    case $(tr '\\0' '\\n' 2>/dev/null <"$environ" | grep '^{POD_MARK}=') in
      *"@$1") pid=${{environ#/proc/}}; kill -KILL "${{pid%/environ}}" 2>/dev/null ;;
    esac
  done
done
"""
"""Reads from a pipe that only the node's process holds: a word means that all is well, an end of file that it is dead."""


class Guard:
    """A shell that sleeps at the other end of a pipe, in a session of its own, and costs nothing until it is needed.

    Linux only; elsewhere a node that is killed leaves what it ran.

    Parameters
    ----------
    state
        The state directory of the node, by which its processes are known.
    """

    def __init__(self, state: Path) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        if sys.platform == "linux":
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "brood-guard", str(state)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )

    def dismiss(self) -> None:
        """Tell the guard that nothing is left to do."""
        if self._shell is None or self._shell.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError), self._shell.stdin as pipe:
            pipe.write(b"done\n")
        self._shell.wait()
        self._shell = None
