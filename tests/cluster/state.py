"""One cluster's directory, ports and network: what makes several clusters able to live side by side."""

import hashlib
import json
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.cluster.places import Missing

LONGEST_SOCKET = 100  # bytes; a path of a Unix socket has 108, and containerd adds to it
PORT_NAMES = ("api", "etcd", "etcd_peer", "controllers", "scheduler", "registry", "kubelet", "kubelet_health")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What one cluster is made of; everything else is derived from it.

    Attributes
    ----------
    directory
        Holds all of the cluster's files; removed by `down`.
    node
        ``real``, ``kwok`` or ``none``.
    ports
        A loopback port for each of `PORT_NAMES`.
    subnet
        Second octet of the Pods' network ``10.<subnet>.0.0/16``.
    owner
        Process on whose end the cluster is of no more use, or 0.
    """

    directory: Path
    node: str
    ports: dict[str, int]
    subnet: int
    audit: bool = False
    owner: int = 0
    nodes: int = field(default=10)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.directory / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """Where the API server writes its audit log, if it writes one."""
        return self.directory / "log" / "audit.log"

    @property
    def containerd_socket(self) -> Path:
        """The container runtime's socket."""
        return self.directory / "containerd.sock"

    @property
    def identity(self) -> str:
        """A word that names this cluster in places shared by all: control groups, networks."""
        return "brood-" + hashlib.sha256(str(self.directory).encode()).hexdigest()[:8]

    @property
    def services(self) -> str:
        """The first three octets of the services' network ``10.x.y.0/24``."""
        return f"10.{self.subnet + 64}.{int(self.identity[-2:], 16)}"

    def url(self, port: str) -> str:
        """Return ``127.0.0.1:<port>`` for one of the named ports."""
        return f"127.0.0.1:{self.ports[port]}"

    def save(self) -> None:
        """Write the state into its directory."""
        record = asdict(self) | {"directory": str(self.directory)}
        (self.directory / "cluster.json").write_text(json.dumps(record, indent=1))

    @staticmethod
    def load(directory: Path) -> "State | None":
        """Read the state of the cluster in `directory`; None if there is none."""
        try:
            record = json.loads((directory / "cluster.json").read_text())
        except FileNotFoundError:
            return None
        return State(**record | {"directory": Path(record["directory"])})


def new(directory: Path, *, node: str, audit: bool = False, owner: int = 0, nodes: int = 10) -> State:
    """Lay out a cluster in `directory`, on ports that are free now."""
    directory = directory.resolve()
    if len(str(directory / "containerd.sock")) > LONGEST_SOCKET:
        raise Missing(f"a shorter path than {directory} for the cluster (Unix sockets; set BROOD_CLUSTER_DIR)")
    for name in ("pki", "log", "pid"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    # Clusters that start at one moment look for ports in different places, because their directories differ.
    offset = int(hashlib.sha256(str(directory).encode()).hexdigest(), 16)
    state = State(
        directory=directory,
        node=node,
        ports=_free_ports(20000 + offset % 500 * 20),
        subnet=88 + offset % 40,
        audit=audit,
        owner=owner,
        nodes=nodes,
    )
    state.save()
    return state


def _free_ports(first: int) -> dict[str, int]:
    """Return the first free port from `first` on for each name."""
    ports: dict[str, int] = {}
    candidate = first
    for name in PORT_NAMES:
        while not _is_free(candidate):
            candidate += 1
        ports[name] = candidate
        candidate += 1
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
