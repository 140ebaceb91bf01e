"""What is installed is what the locks name, byte for byte."""

import re
from pathlib import Path

import pytest

from tests.cluster.places import PROJECT

LOCKS = sorted((PROJECT / "requirements").glob("*.lock"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_one_version_with_its_hashes(lock: Path) -> None:
    text = re.sub(r"^ *#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    wanted = [one for one in re.split(r"\n(?! )", text) if one.strip()]
    assert wanted
    assert [one for one in wanted if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", one, re.DOTALL)] == []


def test_nothing_is_installed_without_them() -> None:
    for file in ("Makefile", "Dockerfile"):
        installs = [line for line in (PROJECT / file).read_text().splitlines() if re.search(r"install .*-r ", line)]
        assert installs
        assert [line for line in installs if "--require-hashes" not in line] == []
