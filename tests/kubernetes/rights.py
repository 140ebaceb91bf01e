"""The operator's service account, as ``deploy/`` makes it, for another namespace than its own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.access import Cluster
from tests.cluster.places import PROJECT

SYSTEM = "brood-system"
ACCOUNT = "brood-operator"


def service_account(cluster: Cluster, *, home: str, namespaces: Sequence[str], directory: Path) -> Path:
    """Make the account in the namespace `home` with its rights in `namespaces`, and return its kubeconfig.

    Without namespaces it has them everywhere.
    """
    everywhere = _documents("rbac.yaml", home=home)
    for_itself = [one for one in everywhere if one["kind"] in ("ServiceAccount", "Role", "RoleBinding")]
    cluster.apply(for_itself, namespace=home)
    for namespace in namespaces:
        cluster.apply(_documents("rbac-namespaced.yaml", home=home), namespace=namespace)
    if not namespaces:
        cluster.apply([one for one in everywhere if one["kind"].startswith("ClusterRole")], namespace=home)
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(json.dumps(_config(cluster, home=home)))
    return kubeconfig


def _documents(file: str, *, home: str) -> list[dict[str, Any]]:
    """Read manifests of ``deploy/`` with the operator's namespace changed; the namespace itself is left out."""
    text = (PROJECT / "deploy" / file).read_text().replace(SYSTEM, home)
    return [one for one in yaml.safe_load_all(text) if one is not None and one["kind"] != "Namespace"]


def _config(cluster: Cluster, *, home: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(
        cluster.kubectl("config", "view", "--raw", "--minify", "--flatten", "--output=json")
    )
    token = cluster.kubectl("create", "token", ACCOUNT, "-n", home, "--duration=10h").strip()
    config["users"] = [{"name": ACCOUNT, "user": {"token": token}}]
    config["contexts"][0]["context"] |= {"user": ACCOUNT, "namespace": home}
    return config
