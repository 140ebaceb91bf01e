"""Which files of several children can lie flat, beside the directories of the children themselves (§2.3)."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping


def collisions(paths_of: Mapping[str, Iterable[str]], directories: Iterable[str]) -> frozenset[str]:
    """Return the paths that stay out of the flat view.

    "also flat at `<path>` where only one child has that path; a collision stays out of the flat view". A file also collides with one
    below a directory of its name, and with the directories that hold the files of each child: neither may change what is in those.

    Parameters
    ----------
    paths_of
        For each child the paths of its files.
    directories
        The directories of the children.
    """
    seen: set[str] = set()
    found: set[str] = set()
    for paths in paths_of.values():
        own = set(paths)
        found |= own & seen
        seen |= own
    taken = {_first(one) for one in directories}
    for path in seen:
        if _first(path) in taken:
            found.add(path)
        files = [above for above in _above(path) if above in seen]
        if files:
            found.update((path, *files))
    return frozenset(found)


def _first(path: str) -> str:
    return path.partition("/")[0]


def _above(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
