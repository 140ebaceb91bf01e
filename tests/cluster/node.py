"""The real node: containerd and a kubelet, whose files, sockets, network and control groups are the cluster's own."""

import json
import os
import signal
import subprocess
from pathlib import Path

from tests.cluster import cgroups, controlplane, processes, registry
from tests.cluster.binaries import program
from tests.cluster.state import State

NAME = "127.0.0.1"  # the node's name is its address, so that logs are fetched over loopback
CONTAINER_LOG_LINKS = Path("/var/log/containers")
NETWORK_RESULTS = Path("/var/lib/cni/results")


def start_runtime(state: State) -> None:
    """Start containerd, with the loopback registry as its only source of images."""
    root = state.directory
    for name in ("containerd", "cni", "certs.d/_default"):
        (root / name).mkdir(parents=True, exist_ok=True)
    mirror = f"http://{state.url('registry')}"
    (root / "certs.d/_default/hosts.toml").write_text(
        f'server = "{mirror}"\n[host."{mirror}"]\n  capabilities = ["pull", "resolve"]\n'
    )
    (root / "cni/10-brood.conflist").write_text(json.dumps(_network(state)))
    (root / "containerd.toml").write_text(_containerd(state))
    processes.start(state, "containerd", ["containerd", "--config", root / "containerd.toml"])


def start_kubelet(state: State) -> None:
    """Start the kubelet, and wait until the node is ready."""
    root = state.directory
    version = ["ctr", "-a", state.containerd_socket, "version"]
    processes.wait_until(lambda: processes.succeeds(version), state=state, name="containerd")
    cgroups.make(state)
    for name in ("kubelet", "podlogs", "plugins"):
        (root / name).mkdir(exist_ok=True)
    (root / "kubelet.json").write_text(json.dumps(_kubelet(state), indent=1))
    processes.start(
        state,
        "kubelet",
        [
            program("kubelet"),
            f"--kubeconfig={root / 'node.conf'}",
            f"--config={root / 'kubelet.json'}",
            f"--root-dir={root / 'kubelet'}",
            f"--hostname-override={NAME}",
        ],
    )
    ready = [*controlplane.kubectl(state), "wait", "--for=condition=Ready", f"node/{NAME}", "--timeout=5s"]
    processes.wait_until(lambda: processes.succeeds(ready), state=state, name="kubelet")


def stop(state: State) -> None:
    """Stop kubelet and containerd, kill the containers, and undo mounts and links."""
    processes.stop(state, "kubelet")
    processes.stop(state, "containerd")
    if state.node != "real":
        return
    cgroups.remove(state)
    for pid in _shims(state):
        os.kill(pid, signal.SIGKILL)
    _unmount(state.directory)
    _tidy(state)


def _tidy(state: State) -> None:
    """Remove what kubelet, containerd and its network plugins leave in places that cannot be configured."""
    for link in CONTAINER_LOG_LINKS.glob("*"):
        if link.is_symlink() and link.readlink().is_relative_to(state.directory):
            link.unlink()
    tasks = state.directory / "containerd/state/io.containerd.runtime.v2.task/k8s.io"
    for task in tasks.glob("*"):
        address = task / "address"
        if address.is_file():
            Path(address.read_text().removeprefix("unix://")).unlink(missing_ok=True)
        for result in NETWORK_RESULTS.glob(f"*-{task.name}-*"):
            result.unlink()


def can_overlay(directory: Path) -> bool:
    """Return whether files in `directory` can be layers of an overlay, which is not so where they lie on one themselves."""
    asked = subprocess.run(["stat", "-f", "-c", "%T", directory], capture_output=True, text=True, check=True)
    return asked.stdout.strip() != "overlayfs"


def _shims(state: State) -> list[int]:
    """Return the processes that containerd left behind to watch containers: they name its socket."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        if words[0].endswith(b"containerd-shim-runc-v2") and str(state.containerd_socket).encode() in words:
            found.append(int(entry.parent.name))
    return found


def _unmount(directory: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    inside = [mount for mount in mounts if Path(mount).is_relative_to(directory)]
    for mount in sorted(inside, reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)


def _network(state: State) -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": f"10.{state.subnet}.0.0/16"}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(state.directory / "cni/addresses"),
    }
    return {"cniVersion": "0.4.0", "name": state.identity, "plugins": [{"type": "ptp", "ipam": addresses}]}


def _containerd(state: State) -> str:
    root = state.directory
    snapshotter = "overlayfs" if can_overlay(root) else "native"
    return f"""\
version = 2
root = "{root}/containerd/root"
state = "{root}/containerd/state"
[grpc]
  address = "{state.containerd_socket}"
[debug]
  address = "{root}/containerd-debug.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true  # the machine may lack CAP_SYS_RESOURCE; runc would die of it
  netns_mounts_under_state_dir = true
  sandbox_image = "{state.url("registry")}/{registry.PAUSE}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{root}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{root}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{root}/runc"
"""


def _kubelet(state: State) -> dict[str, object]:
    keys = state.directory / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(keys / "kubelet.crt"),
        "tlsPrivateKeyFile": str(keys / "kubelet.key"),
        "address": "127.0.0.1",
        "port": state.ports["kubelet"],
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": state.ports["kubelet_health"],
        "containerRuntimeEndpoint": f"unix://{state.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{state.identity}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "makeIPTablesUtilChains": False,
        "clusterDNS": [f"{state.services}.10"],
        "maxPods": 250,
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "kubeAPIQPS": 500,
        "kubeAPIBurst": 1000,
        "eventRecordQPS": 0,
        "imageGCHighThresholdPercent": 100,  # a full disk of the developer's is not the tests' business
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "50Mi"},
        "podLogsDir": str(state.directory / "podlogs"),
        "volumePluginDir": str(state.directory / "plugins"),
    }
