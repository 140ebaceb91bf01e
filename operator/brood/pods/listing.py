"""The list of files that the runner kept or missed, as ``artifacts.sh`` writes it."""

import posixpath
import re
from dataclasses import dataclass

from brood.views import Artifact

_ENTRY = re.compile(rb"([>!#])(.*?)//\n|=(\d+) (.*?)//\n| *(\d+) (\./[A-Za-z0-9._/-]*)\n| *\d+ total\n", re.DOTALL)


class ListingError(Exception):
    """The list cannot be read: a name is not UTF-8."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Kept files, in the order of ``paths``, those of one path sorted as in the C locale; and what went wrong.

    ``missing`` are paths that matched nothing or were not there to be taken, ``failed`` those that could not be copied.
    """

    files: tuple[Artifact, ...] = ()
    missing: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def read_listing(content: bytes) -> Listing:
    """Read the list; raises `ListingError`."""
    groups: list[dict[bytes, int]] = [{}]
    lost: dict[bytes, list[str]] = {b"!": [], b"#": []}
    at = 0
    while at < len(content):
        entry = _ENTRY.match(content, at)
        if entry is None:
            raise ListingError("the list of artifacts cannot be read")
        at = entry.end()
        mark, what, size, path, plain_size, plain_path = entry.groups()
        if mark == b">":
            groups.append({})
        elif mark:
            lost[mark].append(what.decode(errors="replace"))
        elif path or plain_path:
            groups[-1][posixpath.normpath(path or plain_path)] = int(size or plain_size)
    files: dict[bytes, int] = {}
    for group in groups:
        for name in sorted(group):
            files.setdefault(name, group[name])
    return Listing(
        tuple(Artifact(_text(name), size) for name, size in files.items()), tuple(lost[b"!"]), tuple(lost[b"#"])
    )


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise ListingError(f"the name of the artifact {name.decode(errors='replace')!r} is not UTF-8") from None
