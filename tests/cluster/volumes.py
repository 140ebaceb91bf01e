"""Volumes for claims: a directory of the cluster's own for each, as a ``local`` volume.

The controller manager's own host-path provisioner would ignore ``fsGroup`` and leave its directories behind in /tmp. A
local volume is what a production volume is to a Pod: it belongs to root, and to the Pod's ``fsGroup`` where it has one.
Run as ``python -m tests.cluster.volumes DIRECTORY``; watches claims and volumes with kubectl until it is stopped.
"""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.cluster import controlplane, processes
from tests.cluster.places import PROJECT
from tests.cluster.state import State

PROVISIONER = "brood.dev/local-directories"
CLASS = "standard"
ATTEMPTS = 10
STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": PROVISIONER,
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "Immediate",
}


def start(state: State) -> None:
    """Make the default storage class and start the process that serves it."""
    _create(state, STORAGE_CLASS)
    # PYTHONPATH is not relied on: the module is found from the project's root.
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from tests.cluster import volumes; volumes.main()"
    processes.start(state, "volumes", [sys.executable, "-c", code, state.directory])


def main() -> None:
    """Serve the cluster in the directory that is the first argument."""
    state = State.load(Path(sys.argv[1]))
    if state is None:
        sys.exit(f"no cluster in {sys.argv[1]}")
    watch = threading.Thread(target=_follow, args=(state, "persistentvolumes", _reclaim), daemon=True)
    watch.start()
    _follow(state, "persistentvolumeclaims", _provision)


def _follow(state: State, resource: str, act: Callable[[State, dict[str, Any]], None]) -> None:
    """Call `act` with each object of `resource`, now and at every change, for ever."""
    command = [*controlplane.kubectl(state), "get", resource, "--all-namespaces", "--watch", "--output=json"]
    while True:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
            for found in _objects(iter(watching.stdout or ())):
                if found["kind"] != "Status":  # kubectl prints why a watch was cut as if it were one of them
                    act(state, found)
        time.sleep(0.5)


def _objects(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects that kubectl prints one after another; each ends with a brace in the first column."""
    text = ""
    for line in lines:
        text += line
        if line.rstrip() == "}":
            yield json.loads(text)
            text = ""


def _provision(state: State, claim: dict[str, Any]) -> None:
    """Give a new claim of the class its volume; that is named by the claim's uid, so a second look changes nothing."""
    spec, metadata = claim["spec"], claim["metadata"]
    if spec.get("storageClassName") != CLASS or spec.get("volumeName") or "deletionTimestamp" in metadata:
        return
    name = f"pvc-{metadata['uid']}"
    directory = state.directory / "volumes" / name
    directory.mkdir(parents=True, exist_ok=True)
    anywhere = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": CLASS,
            "claimRef": {"namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]},
            "local": {"path": str(directory)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [anywhere]}},
        },
    }
    _create(state, volume)


def _reclaim(state: State, volume: dict[str, Any]) -> None:
    """Remove a volume whose claim is gone, with its files."""
    name = volume["metadata"]["name"]
    ours = volume["metadata"].get("annotations", {}).get("pv.kubernetes.io/provisioned-by") == PROVISIONER
    if ours and volume.get("status", {}).get("phase") == "Released":
        shutil.rmtree(state.directory / "volumes" / name, ignore_errors=True)
        delete = [
            *controlplane.kubectl(state),
            "delete",
            "persistentvolume",
            name,
            "--wait=false",
            "--ignore-not-found",
        ]
        subprocess.run(delete, check=False, capture_output=True)


def _create(state: State, manifest: dict[str, Any]) -> None:
    """Create the object unless it is there; a server that is too busy is asked again, because nothing else would."""
    command = [*controlplane.kubectl(state), "create", "-f", "-"]
    for _ in range(ATTEMPTS):
        done = subprocess.run(command, input=json.dumps(manifest), text=True, check=False, capture_output=True)
        if done.returncode == 0 or "AlreadyExists" in done.stderr:
            return
        print(done.stderr, file=sys.stderr, flush=True)
        time.sleep(1)
