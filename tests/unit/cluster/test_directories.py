import os
from pathlib import Path

from brood.cluster.local.directories import remove_small
from brood.cluster.local.trash import Trash


def tree(root: Path, files: int) -> Path:
    (root / "a" / "b").mkdir(parents=True)
    for number in range(files):
        (root / "a" / "b" / f"f{number}").write_text("x")
    return root


def test_a_small_tree_goes_at_once(tmp_path: Path) -> None:
    assert remove_small(tree(tmp_path / "t", 3), entries=10)
    assert not (tmp_path / "t").exists()


def test_a_large_one_is_left_for_later(tmp_path: Path) -> None:
    assert not remove_small(tree(tmp_path / "t", 30), entries=10)
    assert (tmp_path / "t").exists()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tree(tmp_path / "kept", 2)
    root = tree(tmp_path / "t", 0)
    (root / "link").symlink_to(kept)
    os.mkfifo(root / "fifo")
    assert remove_small(root, entries=10)
    assert len(list((kept / "a" / "b").iterdir())) == 2


def test_trash_takes_any_size_and_frees_the_name(tmp_path: Path) -> None:
    trash = Trash(tmp_path)
    for files in (0, 500):
        trash.discard(tree(tmp_path / "t", files))
        assert not (tmp_path / "t").exists()
    trash.discard(tmp_path / "not-there")
    trash.close()
    assert list(tmp_path.iterdir()) == []
