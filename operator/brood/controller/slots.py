"""What is held in each namespace: slots of pools, live Pods, artifact volumes, active root runs (contract §2.2).

Nothing here is stored; it is counted from the objects that exist, and from the creates that are on their way.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from brood.controller.config import Config
from brood.controller.keys import Key
from brood.engine.locks import SlotState
from brood.views import ClaimRequest, ClaimView, PodRequest, PodView, RunView

_ENDED = ("Succeeded", "Failed")


@dataclass(slots=True)
class _Namespace:
    pods: dict[str, tuple[str, ...]] = field(default_factory=dict)  # live or on its way -> its pools
    pools: dict[str, dict[str, None]] = field(default_factory=dict)  # pool -> the Pods that hold a slot
    asked: dict[str, set[str]] = field(default_factory=dict)  # uid of a run -> its Pods that are on their way
    claims: set[str] = field(default_factory=set)  # there, or on their way
    asked_claims: dict[str, str] = field(default_factory=dict)  # uid of a run -> the claim that it has on its way
    roots: set[str] = field(default_factory=set)  # uids
    waiters: dict[Key, None] = field(default_factory=dict)  # in the order in which they began to wait

    def __bool__(self) -> bool:
        return bool(self.pods or self.claims or self.roots or self.waiters)


class Slots:
    """The slots of all namespaces.

    ``changed`` is called with the runs that wait in a namespace, the longest first, whenever something there became free.
    """

    def __init__(self, config: Config, *, changed: Callable[[Iterable[Key]], None]) -> None:
        self._config = config
        self._sizes = dict(config.pools)
        self._changed = changed
        self._namespaces: dict[str, _Namespace] = {}

    def state(self, namespace: str, *, but: str | None = None) -> SlotState:
        """Return what is held in a namespace now; the run of the uid ``but`` is not in its own way.

        An admission, or a Pod, whose write got no answer counts for the others, and it has to be free to try again.
        """
        held, config = self._namespaces.get(namespace, _Namespace()), self._config
        return SlotState(
            holders=held.pools,
            sizes=self._sizes,
            pods=len(held.pods) - len(held.asked.get(but or "", ())),
            max_pods=config.max_pods,
            runs=len(held.roots - {but}),
            max_runs=config.max_runs,
            volumes=held.claims,
            max_volumes=config.max_volumes,
        )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where something is held now."""
        return tuple(name for name, held in self._namespaces.items() if held)

    def put_pod(self, pod: PodView) -> None:
        """Take the newest version of a Pod; it holds its slots until it has ended."""
        self._arrived(pod.meta.namespace, pod.meta.owner_uid or "", pod.meta.name)
        if pod.phase in _ENDED:
            self.remove_pod(pod)
        else:
            self._take(pod.meta.namespace, pod.meta.name, pod.pools)

    def remove_pod(self, pod: PodView) -> None:
        """Take the slots of a Pod back."""
        self._give_back(pod.meta.namespace, pod.meta.name)

    def reserve(self, run: RunView, requests: Iterable[PodRequest], claim: ClaimRequest | None = None) -> None:
        """Count the Pods of a run, and the volume of its tree, from the moment in which they are asked for.

        What the run asked for before and does not want any more is given back, unless it has appeared meanwhile; so a create
        whose answer was lost keeps its slots until the run's next plan says what becomes of it.
        """
        namespace, uid = run.meta.namespace, run.meta.uid
        before = self._namespaces[namespace].asked.pop(uid, set()) if namespace in self._namespaces else set()
        wanted = {request.name: request for request in requests}
        for request in wanted.values():
            self._take(namespace, request.name, request.pools)
            self._of(namespace).asked.setdefault(uid, set()).add(request.name)
        for name in before - wanted.keys():
            self._give_back(namespace, name)
        self._reserve_claim(namespace, uid, "" if claim is None else claim.name)

    def _reserve_claim(self, namespace: str, uid: str, name: str) -> None:
        asked = self._namespaces[namespace].asked_claims if namespace in self._namespaces else {}
        before = asked.pop(uid, "")
        if name:
            self._of(namespace).claims.add(name)
            self._of(namespace).asked_claims[uid] = name
        if before and before != name and before not in asked.values():
            self._drop_claim(namespace, before)

    def forget(self, run: RunView) -> None:
        """Give back what a run that is gone had asked for."""
        self.reserve(run, ())

    def _arrived(self, namespace: str, uid: str, pod: str) -> None:
        asked = self._namespaces[namespace].asked if namespace in self._namespaces else {}
        if uid in asked:
            asked[uid].discard(pod)
            if not asked[uid]:
                del asked[uid]

    def put_claim(self, claim: ClaimView) -> None:
        """Count an artifact volume."""
        held = self._of(claim.meta.namespace)
        held.claims.add(claim.meta.name)
        for uid in [uid for uid, name in held.asked_claims.items() if name == claim.meta.name]:
            del held.asked_claims[uid]

    def remove_claim(self, claim: ClaimView) -> None:
        """Stop counting it."""
        self._drop_claim(claim.meta.namespace, claim.meta.name)

    def _drop_claim(self, namespace: str, name: str) -> None:
        held = self._of(namespace)
        if name in held.claims:
            held.claims.remove(name)
            self._free(namespace)

    def put_run(self, run: RunView) -> None:
        """Count a root run while it is active."""
        if not run.is_root:
            return
        if run.status.finished or run.status.start_time is None:
            self.remove_run(run)
        else:
            self.enter(run)

    def enter(self, run: RunView) -> None:
        """Count a root run from the moment in which its admission is decided."""
        self._of(run.meta.namespace).roots.add(run.meta.uid)

    def remove_run(self, run: RunView) -> None:
        """Stop counting it."""
        held = self._of(run.meta.namespace)
        if run.meta.uid in held.roots:
            held.roots.remove(run.meta.uid)
            self._free(run.meta.namespace)

    def wait(self, key: Key, *, waiting: bool) -> None:
        """Note that a run waits for something that is held, or does so no more."""
        if waiting:
            self._of(key.namespace).waiters.setdefault(key)
        elif key.namespace in self._namespaces:
            self._namespaces[key.namespace].waiters.pop(key, None)

    def _of(self, namespace: str) -> _Namespace:
        return self._namespaces.setdefault(namespace, _Namespace())

    def _take(self, namespace: str, pod: str, pools: tuple[str, ...]) -> None:
        held = self._of(namespace)
        held.pods[pod] = pools
        for pool in pools:
            held.pools.setdefault(pool, {})[pod] = None

    def _give_back(self, namespace: str, pod: str) -> None:
        held = self._of(namespace)
        pools = held.pods.pop(pod, None)
        if pools is None:
            return
        for pool in pools:
            held.pools[pool].pop(pod, None)
            if not held.pools[pool]:
                del held.pools[pool]
        self._free(namespace)

    def _free(self, namespace: str) -> None:
        held = self._namespaces[namespace]
        if held.waiters:
            self._changed(list(held.waiters))
        elif not held:
            del self._namespaces[namespace]
