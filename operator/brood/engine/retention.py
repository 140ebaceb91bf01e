"""`podRetention`: which ended Pods stay until their run goes (§1)."""

from brood.api.jobdefinition import PodRetention
from brood.engine.graph import Graph
from brood.views import PodView


def is_retained(graph: Graph, pod: PodView) -> bool:
    """Whether a Pod whose end is recorded stays."""
    match graph.spec.pod_retention:
        case PodRetention.ALWAYS:
            return True
        case PodRetention.ON_FAILURE:
            return pod.ended is None or pod.ended.exit_code != 0
        case _:
            return False
