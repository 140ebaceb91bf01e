"""The pages of docs/ for a cluster with an operator, followed as they stand, on a real node."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.access import Cluster
from tests.docs import README, follow, installs, needs_cluster, pages
from tests.kubernetes.arenas import Arena, arena


@pytest.fixture(scope="module")
def reader(kube: Cluster) -> Iterator[Arena]:
    with arena(kube) as made:
        yield made


@pytest.mark.timeout(300)  # a reader reads
@pytest.mark.parametrize(
    "page",
    [README, *(page for page in pages() if needs_cluster(page) and not installs(page))],
    ids=lambda page: page.relative_to(README.parent).as_posix(),
)
def test_a_reader_who_follows_the_page_sees_what_it_says(page: Path, reader: Arena, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(README.parent / "examples")
    shutil.copytree(README.parent / "docs", tmp_path / "docs")
    follow(page, tmp_path, reader.cluster.shell(tmp_path, namespace=reader.namespace), cluster=True)
