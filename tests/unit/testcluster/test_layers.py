import io
import tarfile
from pathlib import Path

import pytest

from tests.cluster import layers, volumes


@pytest.mark.skipif(not Path("/usr/bin/env").exists(), reason="needs a dynamically linked program at /usr/bin/env")
def test_a_program_brings_the_libraries_it_is_linked_to_and_the_linker() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        layers._Tar(tar).programs([Path("/usr/bin/env")])
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as tar:
        entries = {entry.name: entry for entry in tar.getmembers()}
    assert any(Path(name).name.startswith("libc.so") for name in entries)
    assert any(Path(name).name.startswith("ld-") for name in entries)
    assert all(entry.isreg() and entry.uid == 0 for entry in entries.values())
    assert entries["usr/bin/env"].mode == 0o755


def test_a_file_is_added_once(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        layer = layers._Tar(tar)
        layer.file(tmp_path / "f")
        layer.file(tmp_path / "f")
        assert len(tar.getmembers()) == 1


def test_objects_that_kubectl_prints_one_after_another_are_told_apart() -> None:
    text = '{\n    "a": {\n        "b": 1\n    }\n}\n{\n    "a": 2\n}\n{\n    "unfinished": '
    assert list(volumes._objects(iter(text.splitlines(keepends=True)))) == [{"a": {"b": 1}}, {"a": 2}]
