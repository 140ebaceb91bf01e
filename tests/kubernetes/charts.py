"""The Helm chart, rendered: what an installation of it would make.

``python -m tests.kubernetes.charts`` writes the plain manifests of ``deploy/`` anew.
"""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import yaml

from tests.cluster import binaries
from tests.cluster.places import PROJECT

CHART = PROJECT / "charts/brood"
MANIFESTS = PROJECT / "deploy/brood.yaml"
RELEASE = "brood"
NAMESPACE = "brood-system"

Object = dict[str, Any]


class HelmError(AssertionError):
    """A helm command failed; the message is what it wrote to stderr."""


def helm(*words: str, values: Mapping[str, Any] | None = None) -> str:
    """Run helm and return what it prints; `values` come to it as with ``--values FILE``."""
    more = ["--values", "-"] if values else []
    done = subprocess.run(
        [binaries.program("helm"), *words, *more],
        input=json.dumps(values or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise HelmError(f"helm {' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def render(*words: str, values: Mapping[str, Any] | None = None, namespace: str = NAMESPACE) -> list[Object]:
    """Return the objects that the chart makes of some values."""
    text = helm("template", RELEASE, str(CHART), "--namespace", namespace, *words, values=values)
    return [one for one in yaml.safe_load_all(text) if one is not None]


def manifests() -> str:
    """Return what `MANIFESTS` should hold; the CRDs are in ``crds/``."""
    return helm("template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", "--set=crds.enabled=false")


if __name__ == "__main__":
    binaries.build("helm")
    MANIFESTS.write_text(manifests())
