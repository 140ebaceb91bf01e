"""What tests do with a running cluster."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.binaries import program
from tests.cluster.places import PROJECT


class KubectlError(AssertionError):
    """A kubectl command failed; the message is the command and what it wrote to stderr."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running cluster, seen by its administrator.

    Attributes
    ----------
    kubeconfig
        The administrator's kubeconfig.
    audit_log
        The API server's audit log, where it writes one.
    """

    kubeconfig: Path
    audit_log: Path | None = None

    def kubectl(self, *arguments: str, input: str | None = None, check: bool = True) -> str:  # noqa: A002 (subprocess's)
        """Run kubectl and return what it prints.

        Parameters
        ----------
        input
            What kubectl reads for ``-f -``.
        check
            Whether a failure is one of the test; if not, stdout and stderr are returned together.

        Raises
        ------
        KubectlError
            If `check` holds and kubectl exits with anything but 0.
        """
        command = [kubectl_program(), "--kubeconfig", str(self.kubeconfig), *arguments]
        fed = input or ""  # never the terminal's
        done = subprocess.run(command, input=fed, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        if not check:
            return done.stdout + done.stderr
        raise KubectlError(f"kubectl {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")

    def apply(self, manifest: str | Path | dict[str, Any] | list[dict[str, Any]], *, namespace: str = "default") -> str:
        """Apply a manifest: YAML text, a file or directory, or objects; a refusal is a `KubectlError`."""
        match manifest:
            case Path():
                return self.kubectl("apply", "-n", namespace, "-f", str(manifest))
            case str():
                return self.kubectl("apply", "-n", namespace, "-f", "-", input=manifest)
            case dict():
                return self.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(manifest))
            case list():
                items = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifest})
                return self.kubectl("apply", "-n", namespace, "-f", "-", input=items)

    def get(self, resource: str, name: str, *, namespace: str = "default") -> dict[str, Any]:
        """Return one object."""
        found: dict[str, Any] = json.loads(self.kubectl("get", resource, name, "-n", namespace, "-o", "json"))
        return found

    def list(self, resource: str, *, namespace: str = "default", selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of a namespace that have the labels of `selector`."""
        text = self.kubectl("get", resource, "-n", namespace, "-l", selector, "-o", "json")
        items: list[dict[str, Any]] = json.loads(text)["items"]
        return items

    def wait(self, target: str, condition: str, *, namespace: str = "default", seconds: int = 60) -> None:
        """Wait until an object such as ``pod/a`` meets ``condition=Ready``, ``jsonpath=…`` or ``delete``."""
        self.kubectl("wait", target, "-n", namespace, f"--for={condition}", f"--timeout={seconds}s")

    def shell(self, directory: Path, *, namespace: str) -> dict[str, str]:
        """Return the environment of a shell in which kubectl is at home in a namespace; `directory` holds what that takes."""
        config = directory / "kubeconfig"
        config.write_bytes(self.kubeconfig.read_bytes())
        programs = directory / "bin"
        programs.mkdir()
        (programs / "kubectl").symlink_to(kubectl_program())
        Cluster(kubeconfig=config).kubectl("config", "set-context", "--current", f"--namespace={namespace}")
        return {**os.environ, "KUBECONFIG": str(config), "PATH": f"{programs}:{os.environ['PATH']}"}

    @contextmanager
    def namespace(self, *, labels: dict[str, str] | None = None) -> Iterator[str]:
        """Yield the name of a fresh namespace that can run Pods; it is deleted afterwards, whatever it holds."""
        name = f"t-{uuid.uuid4().hex[:8]}"
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}})
        for needed in ("serviceaccount/default", "configmap/kube-root-ca.crt"):
            self.kubectl("wait", "-n", name, needed, "--for=create", "--timeout=30s")
        try:
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
            self._release(name)

    def _release(self, namespace: str) -> None:
        """Take the finalizers off what is left: no operator may be there any more to do it."""
        for resource in ("pods", "jobruns.brood.dev"):
            held = 'jsonpath={range .items[?(@.metadata.finalizers)]}{.kind}/{.metadata.name}{"\\n"}{end}'
            listed = self.kubectl("get", resource, "-n", namespace, "-o", held, check=False).split()
            for target in (word for word in listed if "/" in word):
                patch = '{"metadata":{"finalizers":null}}'
                self.kubectl("patch", target, "-n", namespace, "--type=merge", "-p", patch, check=False)


def kubectl_program() -> str:
    """Return the kubectl of the test cluster, or that of the machine where the former has not been built."""
    ours = program("kubectl")
    return str(ours) if ours.exists() else shutil.which("kubectl") or str(ours)


def install_crds(cluster: Cluster) -> None:
    """Apply ``crds/`` and wait until the API server serves them; nothing where there are none yet."""
    files = sorted((PROJECT / "crds").glob("*.yaml"))
    for file in files:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(file))
    for file in files:
        cluster.kubectl("wait", "--for=condition=Established", "-f", str(file), "--timeout=30s")


def existing() -> Cluster | None:
    """Return the cluster that ``$KUBECONFIG`` names, if it names one."""
    named = os.environ.get("KUBECONFIG", "")
    return Cluster(kubeconfig=Path(named)) if named and Path(named).is_file() else None
