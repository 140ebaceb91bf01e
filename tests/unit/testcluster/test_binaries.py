import fcntl
import shutil
import threading
from pathlib import Path

import pytest

from tests.cluster import binaries, places
from tests.cluster.binaries import SOURCES, Source


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give a copy of the modules, and an empty cache."""
    shutil.copytree(places.HERE / "gomod", tmp_path / "gomod")
    monkeypatch.setattr(binaries, "HERE", tmp_path)
    monkeypatch.setenv("BROOD_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "gomod"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.module)
def test_a_change_of_a_module_is_another_build(modules: Path, source: Source) -> None:
    before = source.directory
    assert source.directory == before
    (modules / source.module / "go.sum").write_text("")
    assert source.directory != before


def test_every_program_has_one_place() -> None:
    names = [name for source in SOURCES for name in source.programs]
    assert len(names) == len(set(names))
    assert binaries.program("kubectl").name == "kubectl"


def test_nothing_is_built_twice_and_builders_wait_for_one_another(
    modules: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled: list[str] = []

    def compile_(source: Source, *, go: str, package: str, target: Path) -> None:
        compiled.append(target.name)
        target.write_text("")

    monkeypatch.setattr(binaries, "_compile", compile_)
    monkeypatch.setattr(binaries, "_go", lambda: "go")
    lock = places.cache() / "bin" / ".lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        builders = [threading.Thread(target=binaries.build) for _ in range(2)]
        for builder in builders:
            builder.start()
        builders[0].join(0.2)
        assert compiled == []
    for builder in builders:
        builder.join(10)
    binaries.build()
    assert sorted(compiled) == sorted(name for source in SOURCES for name in source.programs)
    assert "waiting for it" in capsys.readouterr().err
