"""Keys and certificates of a cluster: one authority, and a certificate for whoever speaks to whom."""

import json
import subprocess
import tempfile
from pathlib import Path

from tests.cluster.state import State

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"
CLIENT = "extendedKeyUsage=clientAuth"
# name of the file → subject and extensions
CERTIFICATES = {
    "apiserver": (
        "/CN=kube-apiserver",
        f"{NAMES},DNS:kubernetes.default.svc,IP:SERVICE\nextendedKeyUsage=serverAuth,clientAuth",
    ),
    "admin": ("/O=system:masters/CN=admin", CLIENT),
    "controllers": ("/CN=system:kube-controller-manager", CLIENT),
    "scheduler": ("/CN=system:kube-scheduler", CLIENT),
    "node": ("/O=system:nodes/CN=system:node:127.0.0.1", CLIENT),
    "kubelet": ("/CN=127.0.0.1", f"{NAMES}\nextendedKeyUsage=serverAuth"),
}


def make(state: State) -> None:
    """Make the authority, the service account key and all `CERTIFICATES` in the cluster's ``pki/``."""
    directory = state.directory / "pki"
    _key(directory, "ca")
    subject = f"/CN={state.identity}"
    _openssl(directory, "req", "-x509", "-new", "-key", "ca.key", "-subj", subject, "-days", "3650", "-out", "ca.crt")
    _key(directory, "sa")
    _openssl(directory, "ec", "-in", "sa.key", "-pubout", "-out", "sa.pub")
    for name, (subject, extensions) in CERTIFICATES.items():
        _key(directory, name)
        _openssl(directory, "req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr")
        with tempfile.NamedTemporaryFile("w", suffix=".ext") as extfile:
            extfile.write(extensions.replace("SERVICE", f"{state.services}.1"))
            extfile.flush()
            signing = [
                "-CA",
                "ca.crt",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
                "-days",
                "3650",
                "-extfile",
                extfile.name,
            ]
            _openssl(directory, "x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt")


def kubeconfig(state: State, path: Path, *, certificate: str) -> None:
    """Write a kubeconfig for the holder of `certificate` (JSON, which is YAML)."""
    pki = state.directory / "pki"
    cluster = {"server": f"https://{state.url('api')}", "certificate-authority": str(pki / "ca.crt")}
    user = {"client-certificate": str(pki / f"{certificate}.crt"), "client-key": str(pki / f"{certificate}.key")}
    name = state.identity
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": certificate, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": certificate}}],
        "current-context": name,
    }
    path.write_text(json.dumps(config, indent=1))
    path.chmod(0o600)


def _key(directory: Path, name: str) -> None:
    _openssl(directory, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
    (directory / f"{name}.key").chmod(0o600)


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)
