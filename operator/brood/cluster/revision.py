"""What the ControllerRevision of a spec is called."""

import orjson

from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.names import short_hash


def revision_name(definition: str, spec: JobDefinitionSpec) -> str:
    """Return the name of the ControllerRevision that holds this very spec.

    ``<definition>-<10 base32 characters of the sha256 of its canonical JSON>``: fields that were not given are not in
    it, and the order of keys does not matter.
    """
    canonical = orjson.dumps(spec.to_json(), option=orjson.OPT_SORT_KEYS)
    return f"{definition}-{short_hash(canonical.decode())}"
