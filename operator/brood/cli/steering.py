"""Changes of a run that is under way: shutdown and suspend."""

from collections.abc import Mapping, Sequence
from typing import Any

from brood.api.phases import RunPhase
from brood.cli.options import ObjectFormat
from brood.cli.printing import name_of, print_objects
from brood.cli.reach import Reach
from brood.cluster.port import Kind, Manifest


async def steer(reach: Reach, names: Sequence[str], spec: Mapping[str, Any], *, word: str, output: ObjectFormat) -> int:
    """Patch runs that have not ended, and say so; one that has ended stays as it is."""
    changed: list[Manifest] = []
    lines: list[str] = []
    found = [await reach.run(name) for name in names]  # all of them are there, or nothing is done
    for manifest in found:
        phase = (manifest.get("status") or {}).get("phase")
        if phase is not None and RunPhase(phase).ended:
            changed.append(manifest)
            lines.append(f"{name_of(manifest)} unchanged: it has ended ({phase})")
            continue
        if manifest["spec"].get("shutdown") == "Terminate" and "shutdown" in spec:  # which cannot be taken back
            changed.append(manifest)
            lines.append(f"{name_of(manifest)} unchanged: already terminated")
            continue
        stored = await reach.port.patch(Kind.JOB_RUN, reach.namespace, manifest["metadata"]["name"], {"spec": spec})
        same = stored["metadata"]["resourceVersion"] == manifest["metadata"]["resourceVersion"]
        changed.append(stored)
        lines.append(f"{name_of(stored)} {f'unchanged: already {word}' if same else word}")
    print_objects(changed, output, text=lines)
    return 0
