"""What the parts of a definition, beyond its tasks, can and cannot say together."""

from typing import TYPE_CHECKING, Any, Final

from brood.api.graphrules import GRAPH_RULES, check_graph, check_script_over_defaults
from brood.api.rules import BY_NAME, validations, violation

if TYPE_CHECKING:
    from brood.api.jobdefinition import Artifacts, JobDefinitionSpec, LocalDefinition

TASK_LIST: Final[dict[str, Any]] = BY_NAME | GRAPH_RULES

OUTPUT_RULE: Final = (
    (
        "!has(self.params) || [self.params.transformMapEntry(i, p, {p.name: i})].all(names, "
        "self.tasks.all(t, !has(t.output) || !(t.output in names)))"
    ),
    "an output is named like a param",
    ".tasks",
)

LOCAL_RULES: Final = validations(OUTPUT_RULE)

SPEC_RULES: Final = validations(
    OUTPUT_RULE,
    ("has(self.type) == has(self.version)", "type and version go together"),
)

ARTIFACTS_RULES: Final = validations(
    (
        (
            "!has(self.claimName) || "
            "!(has(self.storage) || has(self.storageClassName) || has(self.accessModes) || has(self.retain))"
        ),
        "claimName, of a claim you own, excludes storage, storageClassName, accessModes and retain",
        ".claimName",
    ),
)


def check_spec(spec: "JobDefinitionSpec") -> None:
    """Refuse a definition whose parts do not go together; the first violation is raised."""
    if (spec.type is None) != (spec.version is None):
        raise violation("version" if spec.type is None else "type", "type and version go together")
    names = tuple(param.name for param in spec.params)
    check_unique_names(names, path="params", what="param")
    check_graph(spec.tasks, params=names)
    check_script_over_defaults(spec.tasks, spec.task_defaults, where="")
    check_unique_names(tuple(local.name for local in spec.definitions), path="definitions", what="local definition")
    for index, local in enumerate(spec.definitions):
        check_script_over_defaults(local.tasks, spec.task_defaults, where=f"definitions[{index}].")


def check_local(local: "LocalDefinition") -> None:
    """Refuse a local definition whose parts do not go together."""
    names = tuple(param.name for param in local.params)
    check_unique_names(names, path="params", what="param")
    check_graph(local.tasks, params=names)


def check_unique_names(names: tuple[str, ...], *, path: str, what: str) -> None:
    """Refuse a list of named things in which a name stands twice."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise violation(f"{path}[{index}].name", f"two {what}s are named {name!r}")
        seen.add(name)


def check_artifacts(artifacts: "Artifacts") -> None:
    """Refuse settings of a volume that brood does not make."""
    if artifacts.claim_name is None:
        return
    for field, wire in (
        ("storage", "storage"),
        ("storage_class_name", "storageClassName"),
        ("access_modes", "accessModes"),
        ("retain", "retain"),
    ):
        if field in artifacts.model_fields_set:
            raise violation(
                wire, f"artifacts: {wire} is for the claim that brood makes; claimName names one that you own"
            )
