"""The operator's service account with the rights that the chart gives it, and no others."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.access import Cluster
from tests.kubernetes.charts import render

ACCOUNT = "brood-operator"


def service_account(cluster: Cluster, *, home: str, namespaces: Sequence[str], directory: Path) -> Path:
    """Make the account in the namespace `home` with its rights in `namespaces`, and return its kubeconfig.

    Without namespaces it has them everywhere.
    """
    values = {"fullnameOverride": ACCOUNT, "watchNamespaces": [*namespaces]}
    rights = render("--show-only=templates/rbac.yaml", values=values, namespace=home)
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(rights))
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(json.dumps(_config(cluster, home=home)))
    return kubeconfig


def _config(cluster: Cluster, *, home: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(
        cluster.kubectl("config", "view", "--raw", "--minify", "--flatten", "--output=json")
    )
    token = cluster.kubectl("create", "token", ACCOUNT, "-n", home, "--duration=10h").strip()
    config["users"] = [{"name": ACCOUNT, "user": {"token": token}}]
    config["contexts"][0]["context"] |= {"user": ACCOUNT, "namespace": home}
    return config
