"""The pages of docs/ for a cluster, followed as they stand, on a real node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.access import Cluster
from tests.docs import PAGES, follow, needs_cluster, pages
from tests.kubernetes.arenas import Arena, arena


@pytest.fixture(scope="module")
def reader(kube: Cluster) -> Iterator[Arena]:
    with arena(kube) as made:
        yield made


@pytest.mark.timeout(300)  # a reader reads
@pytest.mark.parametrize(
    "page", [page for page in pages() if needs_cluster(page)], ids=lambda page: page.relative_to(PAGES).as_posix()
)
def test_a_reader_who_follows_the_page_sees_what_it_says(page: Path, reader: Arena, tmp_path: Path) -> None:
    follow(page, tmp_path, reader.cluster.shell(tmp_path, namespace=reader.namespace))
