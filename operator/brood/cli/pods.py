"""What an API server would say of each task's Pod, without one: the dry run of the operator, offline (contract §1.1)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.status import JobDefinitionStatus
from brood.cluster.kubernetes.layout import KubernetesLayout
from brood.cluster.local.admission import admit_new
from brood.cluster.local.podfields import problems
from brood.cluster.port import Invalid, Kind
from brood.engine.dryrun import Trial, trials
from brood.engine.validate import Problem
from brood.pods.build import build_pod
from brood.views import DefinitionView, Meta

RULE: Final = "invalid-pod"
_NONCE: Final = "0" * 16


def pod_problems(namespace: str, name: str, spec: JobDefinitionSpec) -> Iterator[Problem]:
    """Yield what is wrong with the Pods of a definition that is sound apart from them."""
    meta = Meta(namespace=namespace, name=name, uid="", resource_version="", created_at=datetime.now(UTC))
    view = DefinitionView(meta=meta, spec=spec, status=JobDefinitionStatus(), revision=name)
    for trial in trials(view):
        for said in _refusals(trial):
            yield Problem(trial.path, f"the Pod of {trial.title} is refused: {said}", RULE)


def _refusals(trial: Trial) -> Iterator[str]:
    pod = build_pod(trial.request, layout=KubernetesLayout(), nonce=_NONCE).pod
    wrong = list(problems(pod))
    yield from wrong
    if wrong:
        return
    try:
        admit_new(Kind.POD, pod)
    except Invalid as error:
        yield error.message.partition(" is invalid: ")[2] or error.message
