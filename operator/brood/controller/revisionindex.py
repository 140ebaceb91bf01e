"""Which revisions are stored, and which of them runs name."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from brood.views import RevisionView, RunView

Name = tuple[str, str]  # namespace, name


class RevisionIndex:
    """All stored revisions by their definition, and how many runs name each. Every change costs O(1)."""

    def __init__(self) -> None:
        self._stored: dict[Name, dict[str, RevisionView]] = {}
        self._named: dict[str, Counter[str]] = {}  # namespace -> revision -> runs

    def put(self, revision: RevisionView) -> None:
        """Add a revision."""
        self._stored.setdefault((revision.meta.namespace, revision.definition), {})[revision.meta.name] = revision

    def remove(self, revision: RevisionView) -> None:
        """Forget a revision that is gone."""
        name = (revision.meta.namespace, revision.definition)
        stored = self._stored.get(name, {})
        stored.pop(revision.meta.name, None)
        if not stored:
            self._stored.pop(name, None)

    def of(self, namespace: str, definition: str) -> Collection[RevisionView]:
        """Return the stored revisions of a definition."""
        return self._stored.get((namespace, definition), {}).values()

    def definitions(self) -> Iterable[Name]:
        """Return the definitions, gone ones too, that have stored revisions."""
        return tuple(self._stored)

    def follow(self, old: RunView | None, new: RunView | None) -> str | None:
        """Take a change of a run; return the revision that no run names any more because of it."""
        before, after = (None if run is None else run.revision for run in (old, new))
        run = new or old
        if run is None or before == after:
            return None
        named = self._named.setdefault(run.meta.namespace, Counter())
        if after is not None:
            named[after] += 1
        if before is None:
            return None
        named[before] -= 1
        if named[before]:
            return None
        del named[before]
        if not named:
            del self._named[run.meta.namespace]
        return before

    def named(self, namespace: str) -> Mapping[str, int]:
        """Return the revisions that runs of a namespace name, with how many of them do."""
        return self._named.get(namespace, {})
