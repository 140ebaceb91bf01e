"""Which files a task takes and keeps, as commands of the runner's."""

import posixpath
from collections.abc import Iterator

from brood.layout import PodPaths
from brood.pods.shell import call
from brood.views import ArtifactSource, PodRequest

_WORDS_LIMIT = 64 * 1024  # bytes of names in one call of cp


def take_commands(request: PodRequest, paths: PodPaths) -> str:
    """Return the commands that put files of earlier tasks into the working directory, in the order of the sources."""
    return "".join(
        call("brood_take", _below(paths.work, destination), _below(paths.volume, directory), *names)
        for source in request.artifact_sources
        for destination, directory, names in _copies(source)
    )


def finish_commands(request: PodRequest) -> str:
    """Return the command that keeps files after the script; nothing where there is no rule."""
    if request.artifacts is None:
        return ""
    return call("brood_keep", str(request.artifacts.keep), *map(posixpath.normpath, request.artifacts.paths))


def _copies(source: ArtifactSource) -> Iterator[tuple[str, str, list[str]]]:
    """Yield destination, source directory and names: files of one directory go together, as one call of ``cp``."""
    if source.paths is None:
        yield source.prefix, source.directory, ["."]
        return
    groups: dict[str, list[str]] = {}
    for path in source.paths:
        parent, name = posixpath.split(path)
        groups.setdefault(parent, []).append(name)
    for parent, names in groups.items():
        for part in _chunks(names):
            yield posixpath.join(source.prefix, parent), posixpath.join(source.directory, parent), part


def _chunks(names: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for name in names:
        if part and size > _WORDS_LIMIT:
            yield part
            part, size = [], 0
        part.append(name)
        size += len(name.encode()) + 1
    if part:
        yield part


def _below(root: str, path: str) -> str:
    return f"{root}/{path}" if path else root
