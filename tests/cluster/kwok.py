"""Simulated nodes: Pods that are scheduled there run for as long, and end as, their annotations say.

``kwok.brood.dev/exit-code`` (default 0), ``kwok.brood.dev/message`` (the termination message, default none) and
``kwok.brood.dev/run-for`` (a duration such as ``500ms``, default none); a Pod without them has succeeded at once. The
environment variables ``KWOK_EXIT_CODE`` and ``KWOK_RUN_FOR`` of its first container go before them, because a param
can set those. Every log is empty.
"""

import json
import subprocess

from tests.cluster import controlplane, processes
from tests.cluster.binaries import program
from tests.cluster.places import HERE
from tests.cluster.state import State


def start(state: State) -> None:
    """Start kwok and give it the cluster's nodes."""
    room = {"cpu": "256", "memory": "1024Gi", "pods": "5000"}
    nodes = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"kwok-{number}",
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {"kubernetes.io/hostname": f"kwok-{number}", "type": "kwok"},
            },
            "status": {"allocatable": room, "capacity": room},
        }
        for number in range(state.nodes)
    ]
    processes.start(
        state,
        "kwok",
        [
            program("kwok"),
            f"--kubeconfig={state.kubeconfig}",
            "--manage-all-nodes=true",
            f"--config={HERE / 'stages.yaml'}",
            # The API server asks a node for the log of a Pod: each of these has written nothing.
            "--node-ip=127.0.0.1",
            f"--node-port={state.ports['kubelet']}",
            f"--server-address={state.url('kubelet')}",
            f"--tls-cert-file={state.directory / 'pki/kubelet.crt'}",
            f"--tls-private-key-file={state.directory / 'pki/kubelet.key'}",
        ],
    )
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": nodes})
    command = controlplane.kubectl(state)
    subprocess.run([*command, "apply", "-f", "-"], input=manifest, text=True, check=True, capture_output=True)
    ready = [*command, "wait", "--for=condition=Ready", "node", "--all", "--timeout=5s"]
    processes.wait_until(lambda: processes.succeeds(ready), state=state, name="kwok")
