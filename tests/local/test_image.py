"""The image's packages, for the Python and the architectures that the Dockerfile means."""

import re

import pytest

from tests.cluster import image
from tests.cluster.places import PROJECT


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_package_is_there_without_a_compiler(machine: str) -> None:
    """Of Debian bookworm, whose C library is 2.36; the final image and the one that builds have neither gcc nor headers."""
    bases = {*re.findall(r"^FROM python:([\d.]+)-slim-(\w+)", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)}
    [(python, debian)] = bases
    assert debian == "bookworm"
    found = image.wheels(python, f"manylinux2014_{machine}", f"manylinux_2_28_{machine}")
    locked = re.findall(r"^[\w.-]+==\S+ \\$", image.LOCK.read_text(), re.MULTILINE)
    names = [one.name for one in found.iterdir()]
    assert len(names) == len(locked)
    assert any(name.endswith(f"_{machine}.whl") for name in names)
