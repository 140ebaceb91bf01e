"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler, all on loopback."""

from pathlib import Path

from tests.cluster import pki, processes
from tests.cluster.binaries import program
from tests.cluster.state import State

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""


def kubectl(state: State) -> list[str | Path]:
    """Return the words that begin every kubectl command for this cluster."""
    return [program("kubectl"), "--kubeconfig", state.kubeconfig]


def start(state: State) -> None:
    """Start the control plane and wait until it serves; about four seconds."""
    pki.make(state)
    pki.kubeconfig(state, state.kubeconfig, certificate="admin")
    for name in ("controllers", "scheduler", "node"):
        pki.kubeconfig(state, state.directory / f"{name}.conf", certificate=name)
    _etcd(state)
    start_apiserver(state)
    command = kubectl(state)
    _controllers(state)
    _scheduler(state)
    # The API server reads logs from the kubelet as itself.
    grant = ["--clusterrole=system:kubelet-api-admin", "--user=kube-apiserver"]
    processes.succeeds([*command, "create", "clusterrolebinding", "apiserver-kubelet", *grant])


def wait_for_default_account(state: State) -> None:
    """Wait until Pods can be created: without the namespace's service account they are refused."""
    _wait(state, "controllers", "get", "serviceaccount", "default")


def _wait(state: State, name: str, *words: str) -> None:
    command = [*kubectl(state), *words]
    processes.wait_until(lambda: processes.succeeds(command), state=state, name=name)


def _etcd(state: State) -> None:
    clients, peers = f"http://{state.url('etcd')}", f"http://{state.url('etcd_peer')}"
    processes.start(
        state,
        "etcd",
        [
            program("etcd"),
            f"--data-dir={state.directory / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",  # the cluster ends with its tests
            f"--quota-backend-bytes={8 << 30}",
            "--log-level=warn",
        ],
    )


def start_apiserver(state: State) -> None:
    """Start the API server, also one that was killed, and wait until it serves."""
    keys = state.directory / "pki"
    command: list[str | Path] = [
        program("kube-apiserver"),
        f"--etcd-servers=http://{state.url('etcd')}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={state.ports['api']}",
        f"--tls-cert-file={keys / 'apiserver.crt'}",
        f"--tls-private-key-file={keys / 'apiserver.key'}",
        f"--client-ca-file={keys / 'ca.crt'}",
        f"--service-account-key-file={keys / 'sa.pub'}",
        f"--service-account-signing-key-file={keys / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={state.services}.0/24",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",  # as on OpenShift: see jobruns/finalizers
        "--allow-privileged",
        f"--kubelet-client-certificate={keys / 'apiserver.crt'}",
        f"--kubelet-client-key={keys / 'apiserver.key'}",
        f"--kubelet-certificate-authority={keys / 'ca.crt'}",
        "--kubelet-preferred-address-types=Hostname",  # the node is called 127.0.0.1, so logs stay on loopback
        "--endpoint-reconciler-type=none",
        "--max-requests-inflight=2000",
        "--max-mutating-requests-inflight=1000",
    ]
    if state.audit:
        policy = state.directory / "audit.yaml"
        policy.write_text(AUDIT_POLICY)
        command += [
            f"--audit-policy-file={policy}",
            f"--audit-log-path={state.audit_log}",
            "--audit-log-mode=batch",
            "--audit-log-batch-max-wait=1s",
            "--audit-log-batch-buffer-size=200000",
            "--audit-log-batch-throttle-enable=false",
            "--audit-log-maxsize=4000",
        ]
    processes.start(state, "apiserver", command)
    _wait(state, "apiserver", "get", "--raw", "/readyz")


def _controllers(state: State) -> None:
    keys = state.directory / "pki"
    processes.start(
        state,
        "controllers",
        [
            program("kube-controller-manager"),
            f"--kubeconfig={state.directory / 'controllers.conf'}",
            f"--service-account-private-key-file={keys / 'sa.key'}",
            f"--root-ca-file={keys / 'ca.crt'}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={state.ports['controllers']}",
            "--kube-api-qps=300",
            "--kube-api-burst=500",
            "--node-monitor-grace-period=2h",  # kwok's heartbeat comes every ten minutes only
            "--terminated-pod-gc-threshold=0",  # else it deletes ended Pods above 12,500, and a measure of 20,000 is none
        ],
    )


def _scheduler(state: State) -> None:
    processes.start(
        state,
        "scheduler",
        [
            program("kube-scheduler"),
            f"--kubeconfig={state.directory / 'scheduler.conf'}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={state.ports['scheduler']}",
            "--kube-api-qps=2000",
            "--kube-api-burst=4000",
        ],
    )
