"""The pages that install brood, followed word by word by somebody whose cluster has never heard of it."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import binaries
from tests.cluster.access import Cluster, install_crds
from tests.cluster.places import PROJECT
from tests.cluster.state import State
from tests.docs import PAGES, follow, installs, pages

HOME = "brood-system"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
DOCKER = """#!{python}
import sys
from pathlib import Path
sys.path.insert(0, "{project}")
from tests.cluster import image
from tests.cluster.state import State
build, t, name, *rest = sys.argv[1:]
assert (build, t, rest) == ("build", "-t", ["--push", "."])
image.push(State.load(Path("{cluster}")), name)
"""
"""Says `docker build -t NAME --push .` to buildah: there is no Docker engine here."""


@pytest.fixture
def bare(kube: Cluster) -> Iterator[State]:
    """Give a cluster without the kinds; they come back afterwards, because the other tests need them."""
    state = State.load(kube.kubeconfig.parent)
    if state is None:
        pytest.skip("this cluster has no registry of ours, and what is in it may be needed")
    kube.kubectl("delete", "-f", str(PROJECT / "crds"), "--timeout=60s")
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME, "labels": RESTRICTED}})
    yield state
    kube.kubectl("delete", "namespace", HOME, "team-a", "team-b", "--ignore-not-found")
    kube.kubectl("delete", "clusterroles,clusterrolebindings", "-l", "app.kubernetes.io/name=brood")
    install_crds(kube)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", [page for page in pages() if installs(page)], ids=lambda page: page.stem)
def test_a_newcomer_who_follows_the_page_sees_what_it_says(
    page: Path, kube: Cluster, bare: State, tmp_path: Path
) -> None:
    for part in ("charts", "crds", "deploy"):  # of the checkout, in which the page's files are written
        shutil.copytree(PROJECT / part, tmp_path / part)
    with kube.namespace(labels=RESTRICTED) as namespace:
        environment = kube.shell(tmp_path, namespace=namespace)
        programs = tmp_path / "bin"
        (programs / "helm").symlink_to(binaries.program("helm"))
        docker = DOCKER.format(python=sys.executable, project=PROJECT, cluster=bare.directory)
        (programs / "docker").write_text(docker)
        (programs / "docker").chmod(0o755)
        follow(page, tmp_path, environment, registry=bare.url("registry"))


def test_there_are_pages_that_install_it() -> None:
    assert {page.relative_to(PAGES).as_posix() for page in pages() if installs(page)} == {
        "how-to/install.md",
        "tutorial/cluster.md",
    }
