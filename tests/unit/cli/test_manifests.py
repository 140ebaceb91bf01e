import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from brood.cli.findings import InputRefusedError
from brood.cli.manifests import load_documents


def refusal(*sources: Path | str) -> str:
    with pytest.raises(InputRefusedError) as caught:
        load_documents([str(source) for source in sources])
    return str(caught.value)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_directory_is_read_by_file_name_without_those_below_it(tmp_path: Path) -> None:
    write(tmp_path / "b.yml", "b: 1")
    write(tmp_path / "a.yaml", "a: 1\n---\na: 2")
    write(tmp_path / "c.json", '{"c": 1}')
    write(tmp_path / "README.md", "# not: [yaml")
    write(tmp_path / ".hidden.yaml", "h: 1")
    (tmp_path / "below").mkdir()
    write(tmp_path / "below" / "d.yaml", "d: 1")
    found = load_documents([str(tmp_path)])
    assert [document.value for document in found] == [{"a": 1}, {"a": 2}, {"b": 1}, {"c": 1}]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "a: 1")
    assert len(load_documents([str(file), str(tmp_path), str(file)])) == 1


def test_a_minus_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a: 1\n---\nb: [2\n")))
    assert refusal("-").startswith("<stdin>:4:1: not valid YAML")


def test_lines_that_do_not_begin_where_they_should_are_named_with_the_way_out(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "a:\n  - b: 1\n   c: 2\n")
    said = refusal(str(file))
    assert said.startswith(f"{file}:3:4: not valid YAML")
    assert said.endswith("what belongs together begins in the same column)")


def test_a_list_counts_as_its_items(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "apiVersion: v1\nkind: List\nitems:\n- {a: 1}\n- {b: 2}\n")
    assert [(document.value, document.line) for document in load_documents([str(file)])] == [
        ({"a": 1}, 4),
        ({"b": 2}, 5),
    ]


def test_everything_that_cannot_be_read_is_named_at_once(tmp_path: Path) -> None:
    empty = write(tmp_path / "empty.yaml", "# nothing\n---\n")
    broken = write(tmp_path / "broken.yaml", "a: [")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: 1\nb: \xe9\n")
    (tmp_path / "none").mkdir()
    lines = refusal(empty, tmp_path / "missing.yaml", broken, latin, tmp_path / "none").splitlines()
    assert [line.removeprefix(f"{tmp_path}/").partition(": ")[0] for line in lines] == [
        "empty.yaml",
        "missing.yaml",
        "broken.yaml:1:5",
        "latin.yaml:2",
        "none",
    ]
    assert "holds no object" in lines[0]
    assert "no such file" in lines[1]
    assert "UTF-8" in lines[3]


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load_documents([str(file)])[0].value == {"a": 1}


def test_a_pipe_is_a_file_too(tmp_path: Path) -> None:
    """`brood run <(helm template …)` names one."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("kind: One",))
    writer.start()
    [document] = load_documents([str(tmp_path / "pipe")])
    writer.join()
    assert document.value == {"kind": "One"}
