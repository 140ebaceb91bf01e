import asyncio
from pathlib import Path

import pytest

from brood.cluster.local import trash as module
from brood.cluster.local.trash import Trash


def tree(root: Path, files: int) -> Path:
    (root / "a" / "b").mkdir(parents=True)
    for number in range(files):
        (root / "a" / "b" / f"f{number}").write_text("x")
    return root


def contents(directory: Path) -> list[Path]:
    return list(directory.iterdir()) if directory.exists() else []


async def test_a_discarded_directory_frees_its_name_at_once(tmp_path: Path) -> None:
    trash = Trash(tmp_path)
    for files in (0, 3, 500):
        trash.discard(tree(tmp_path / "t", files))
        assert tmp_path / "t" not in contents(tmp_path)
    trash.discard(tmp_path / "not-there")
    await trash.close()
    assert contents(tmp_path) == []


async def test_it_is_removed_in_the_background_batch_by_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH_SECONDS", 0.01)
    trash = Trash(tmp_path)
    for _ in range(3):
        trash.discard(tree(tmp_path / "t", 3))
        for _ in range(500):
            if not contents(tmp_path / "trash"):
                break
            await asyncio.sleep(0.01)
        assert contents(tmp_path / "trash") == []
    await trash.close()


async def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    kept, trash = tree(tmp_path / "kept", 2), Trash(tmp_path)
    root = tree(tmp_path / "t", 0)
    (root / "link").symlink_to(kept)
    trash.discard(root)
    await trash.close()
    assert len(contents(kept / "a" / "b")) == 2
