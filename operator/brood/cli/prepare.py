"""What a ``brood run`` will create: everything read and checked, before anything is started."""

from collections.abc import Sequence
from dataclasses import dataclass

from brood.cli.bundle import read_bundle
from brood.cli.choose import Wishes, apply_wishes, choose_runs, parse_params
from brood.cli.findings import InputRefusedError
from brood.cli.graphs import Graphs
from brood.cli.manifests import load_documents
from brood.cli.options import RunOptions
from brood.cli.references import check_references
from brood.cluster.port import Manifest


@dataclass(frozen=True, slots=True)
class Plan:
    """What is created: checked, and in order."""

    definitions: Sequence[Manifest]
    runs: Sequence[Manifest]
    graphs: Graphs

    @property
    def title(self) -> str:
        """A name for the whole."""
        metadata = self.runs[0]["metadata"]
        return str(metadata.get("name") or metadata["generateName"]).rstrip("-")


def prepare(options: RunOptions) -> Plan:
    """Read and check everything; raises `InputRefusedError` with all that is wrong, before anything runs."""
    bundle = read_bundle(load_documents(options.sources))
    wishes = Wishes(params=parse_params(options.params or ()), name=options.name, definition=options.definition)
    apply_wishes(bundle, wishes)
    bundle.findings += check_references(bundle)
    if bundle.findings:
        raise InputRefusedError(bundle.findings)
    return Plan(
        definitions=[bundle.manifest(one.document) for one in bundle.definitions],
        runs=choose_runs(bundle, wishes),
        graphs=Graphs(bundle.definitions),
    )
