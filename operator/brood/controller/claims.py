"""The claims of artifact volumes: those that brood makes for root runs, and those of users that definitions name."""

from collections.abc import Iterable

from brood.views import ClaimView, RunView

Name = tuple[str, str]  # namespace, name


class Claims:
    """All claims, and which root runs use one of a user's."""

    def __init__(self) -> None:
        self._made: dict[str, ClaimView] = {}  # by the uid of each root run that owns it
        self._given: dict[Name, ClaimView] = {}
        self._users: dict[Name, set[str]] = {}  # uids of unfinished root runs
        self._uses: dict[str, Name] = {}

    def put(self, claim: ClaimView) -> None:
        """Add a claim; of one that was there before, `remove` that version first."""
        if claim.made:
            self._made.update(dict.fromkeys(claim.owners, claim))
        else:
            self._given[claim.meta.namespace, claim.meta.name] = claim

    def remove(self, claim: ClaimView) -> None:
        """Forget a claim."""
        if not claim.made:
            self._given.pop((claim.meta.namespace, claim.meta.name), None)
            return
        for uid in claim.owners:
            if uid in self._made and self._made[uid].meta.uid == claim.meta.uid:
                del self._made[uid]

    def use(self, root: RunView, given: str) -> None:
        """Take that a tree uses a claim of a user's, whether that is there or not."""
        if not root.status.finished:
            name = (root.meta.namespace, given)
            self._users.setdefault(name, set()).add(root.meta.uid)
            self._uses[root.meta.uid] = name

    def of(self, root: RunView) -> ClaimView | None:
        """Return the claim of a tree."""
        name = self._uses.get(root.meta.uid)
        return self._made.get(root.meta.uid) if name is None else self._given.get(name)

    def users(self, claim: ClaimView) -> Iterable[str]:
        """Return the uids of the root runs whose trees use a claim."""
        if claim.made:
            return claim.owners
        return tuple(self._users.get((claim.meta.namespace, claim.meta.name), ()))

    def forget(self, root_uid: str) -> None:
        """Forget a root run that has ended or is gone."""
        name = self._uses.pop(root_uid, None)
        if name is not None:
            users = self._users[name]
            users.discard(root_uid)
            if not users:
                del self._users[name]
