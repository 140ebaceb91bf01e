"""The dry run of a definition's Pods: once for each generation, before its status says that it is ready.

Contract §1.1: "422 and strict-decoding 400 are ``InvalidSpec``; anything else is ``PodsValidated=Unknown``, never Stalled."
"""

import time
from dataclasses import dataclass
from typing import Literal

from brood.api.conditions import get_condition
from brood.api.container import MAIN_CONTAINER
from brood.api.reasons import ConditionType, DefinitionReason
from brood.cluster.port import ApiError, Forbidden, Invalid, Kind, Port
from brood.controller.config import Config
from brood.controller.keys import Key
from brood.controller.lru import Lru
from brood.controller.parts import Parts
from brood.engine.dryrun import Trial, trials
from brood.engine.snapshot import DefinitionProblem
from brood.pods.build import build_pod
from brood.pods.merge import merge
from brood.views import DefinitionView

AGAIN_SECONDS = 300.0
"""A dry run without a verdict is repeated after so long: quotas and webhooks change."""

LONGEST_MESSAGE = 1024

KEPT = 2048
"""So many definitions are remembered until their status, which is the true memory, says the same."""

NONCE = "0" * 16

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class PodsVerdict:
    """What the condition PodsValidated says of one generation."""

    status: Status
    reason: str
    message: str

    @property
    def problem(self) -> DefinitionProblem | None:
        """Why the definition cannot be run; None also where nobody could tell."""
        return DefinitionProblem("InvalidSpec", self.message) if self.status == "False" else None


@dataclass(frozen=True, slots=True)
class _Known:
    generation: int
    verdict: PodsVerdict
    at: float  # on the monotonic clock


class PodCheck:
    """Tries Pods, and remembers what came of it."""

    def __init__(self, parts: Parts) -> None:
        self._writer = parts.writer
        self._layout = parts.port.layout
        self._defaults = parts.config.pod_defaults
        self._wake_after = parts.wake_after
        self._known: Lru[str, _Known] = Lru(KEPT)

    async def verdict(self, key: Key, view: DefinitionView, problem: DefinitionProblem | None) -> PodsVerdict:
        """Return the verdict on the generation that there is now; ``problem`` is what is wrong with it apart from its Pods."""
        if problem is not None:
            return PodsVerdict("Unknown", DefinitionReason.NOT_CHECKED, "the definition is invalid: no Pod was tried")
        recorded = _recorded(view)
        if recorded is not None and recorded.status == "True":
            return recorded
        known = self._known.get(view.meta.uid)
        if known is None or known.generation != view.meta.generation or _expired(known):
            known = _Known(view.meta.generation, await self._try(view), time.monotonic())
            self._known.put(view.meta.uid, known)
        if known.verdict.status == "Unknown":
            self._wake_after(key, max(1.0, known.at + AGAIN_SECONDS - time.monotonic()))
        return known.verdict

    async def _try(self, view: DefinitionView) -> PodsVerdict:
        """Try one Pod after the other: the first that is invalid tells, and a server that has no time is left alone."""
        unsure: PodsVerdict | None = None
        pods = trials(view)
        for trial in pods:
            built = build_pod(trial.request, layout=self._layout, nonce=NONCE, defaults=self._defaults)
            try:
                await self._writer.try_create(Kind.POD, built.pod)
            except Invalid as error:
                return _verdict("False", DefinitionReason.POD_INVALID, view, trial, error)
            except Forbidden as error:
                unsure = unsure or _verdict("Unknown", DefinitionReason.NOT_CHECKED, view, trial, error)
            except ApiError as error:
                return unsure or _verdict("Unknown", DefinitionReason.NOT_CHECKED, view, trial, error)
        said = "every task's Pod passed a dry run" if pods else "no task has a Pod"
        return unsure or PodsVerdict("True", DefinitionReason.PODS_ACCEPTED, said)


def _verdict(status: Status, reason: str, view: DefinitionView, trial: Trial, error: ApiError) -> PodsVerdict:
    """Name the task, and give the server's words."""
    tried = "is refused" if status == "False" else "could not be tried"
    message = f"{view.meta.name}: {trial.path}: the Pod of {trial.title} {tried}: {error.message}"
    return PodsVerdict(status, reason, message[:LONGEST_MESSAGE])


def _recorded(view: DefinitionView) -> PodsVerdict | None:
    """Return what the status says already of this very generation."""
    found = get_condition(view.status.conditions, ConditionType.PODS_VALIDATED)
    if found is None or found.observed_generation != view.meta.generation:
        return None
    return PodsVerdict(found.status, found.reason, found.message)


def _expired(known: _Known) -> bool:
    return known.verdict.status == "Unknown" and time.monotonic() >= known.at + AGAIN_SECONDS


async def defaults_problem(port: Port, config: Config, *, namespace: str) -> str | None:
    """Return why the API server would refuse every Pod with `podDefaults`, None where it would not or does not say."""
    bare = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "brood-pod-defaults", "namespace": namespace},
        "spec": {"containers": [{"name": MAIN_CONTAINER, "image": "any"}]},
    }
    try:
        await port.create(Kind.POD, merge(config.pod_defaults, bare), dry_run=True)
    except Invalid as error:
        return error.message
    except ApiError:
        return None
    return None
