"""How many unfinished runs follow each definition (`status.activeRuns`)."""

from brood.views import RunView


class ActiveRuns:
    """The unfinished runs by (namespace, name) of their definition."""

    def __init__(self) -> None:
        self._uids: dict[tuple[str, str], set[str]] = {}

    def count(self, namespace: str, definition: str) -> int:
        """Return how many unfinished runs follow a definition."""
        return len(self._uids.get((namespace, definition), ()))

    def change(self, old: RunView | None, new: RunView | None) -> tuple[tuple[str, str], ...]:
        """Take a change of a run; return the definitions that it counted for, or counts for now, where that differs."""
        before, after = _counts_for(old), _counts_for(new)
        if before == after:
            return ()
        if before is not None and old is not None:
            uids = self._uids.get(before, set())
            uids.discard(old.meta.uid)
            if not uids:
                self._uids.pop(before, None)
        if after is not None and new is not None:
            self._uids.setdefault(after, set()).add(new.meta.uid)
        return tuple(one for one in (before, after) if one is not None)


def _counts_for(run: RunView | None) -> tuple[str, str] | None:
    """Return (namespace, name) of a definition; a run that has ended, or is one inside of a definition, counts for none."""
    if run is None or run.status.finished:
        return None
    ref = run.spec.definition_ref
    if ref.local is not None or ref.task is not None:
        return None
    name = ref.name or (run.status.revision or "").rpartition("-")[0]
    return (run.meta.namespace, name) if name else None
