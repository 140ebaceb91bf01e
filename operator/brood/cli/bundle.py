"""From documents to definitions and runs: who is who, read by the schema, nothing twice."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from brood.api.base import API_VERSION
from brood.api.jobdefinition import JobDefinition, JobDefinitionSpec
from brood.api.jobrun import JobRun, JobRunSpec
from brood.api.parse import InvalidManifest, parse_manifest
from brood.cli.findings import Finding
from brood.cli.pods import pod_problems
from brood.cli.positions import locate, quoting_hint
from brood.cli.yamltext import Document
from brood.engine.validate import problems

DEFAULT_NAMESPACE: Final = "default"
NAME_LENGTH: Final = 63
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
KINDS: Final = ("JobDefinition", "JobRun")


@dataclass(frozen=True, slots=True)
class Definition:
    """A JobDefinition of the files; ``sound`` says that nothing in it is wrong by itself."""

    document: Document
    namespace: str
    name: str
    spec: JobDefinitionSpec
    sound: bool = True

    @property
    def subject(self) -> str:
        """How messages name it."""
        return f"JobDefinition {self.name}"


@dataclass(frozen=True, slots=True)
class Run:
    """A JobRun of the files; ``name`` ends with "-" where the rest is made up (``generateName``)."""

    document: Document
    namespace: str
    name: str
    spec: JobRunSpec

    @property
    def subject(self) -> str:
        """How messages name it."""
        return f"JobRun {self.name}"


@dataclass(slots=True)
class Bundle:
    """Everything that the files hold. ``unreadable`` are definitions (namespace, name) that are there, but wrong.

    ``namespace`` is the one of objects that name none; ``local`` says that they are run here, once, and not on a cluster.
    """

    namespace: str = DEFAULT_NAMESPACE
    local: bool = True
    definitions: list[Definition] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unreadable: set[tuple[str, str]] = field(default_factory=set)

    def manifest(self, document: Document) -> dict[str, Any]:
        """Return the object as it is created.

        What a server sets, status and owners stay out, as in ``kubectl create``. In a local run also
        ``ttlSecondsAfterFinished``, because results are read after the end, and ``schedule``, because a definition is
        run once, now.
        """
        metadata = document.value["metadata"]
        kept = {key: metadata[key] for key in ("name", "generateName", "labels", "annotations") if metadata.get(key)}
        dropped = ("ttlSecondsAfterFinished", "schedule") if self.local else ()
        spec = {key: value for key, value in document.value["spec"].items() if key not in dropped}
        kept["namespace"] = metadata.get("namespace") or self.namespace
        return {"apiVersion": API_VERSION, "kind": document.value["kind"], "metadata": kept, "spec": spec}

    @property
    def namespaces(self) -> set[str]:
        """The namespaces of all objects."""
        return {one.namespace for one in self.definitions} | {one.namespace for one in self.runs}

    def named(self, namespace: str, name: str) -> Definition | None:
        """Return the definition of that name."""
        return next((one for one in self.definitions if (one.namespace, one.name) == (namespace, name)), None)

    def typed(self, namespace: str, type_: str, version: str) -> list[Definition]:
        """Return the definitions of that type and version."""
        return [
            one
            for one in self.definitions
            if (one.namespace, one.spec.type, one.spec.version) == (namespace, type_, version)
        ]


def finding(document: Document, subject: str, path: str, message: str, *, rule: str = "invalid-manifest") -> Finding:
    """Return an error at a field of a document."""
    line, column = locate(document.node, path)
    hint = quoting_hint(document.node, path) if "quote" in message or "string" in message else ""
    return Finding(document.file, line, column, subject, path, message + hint, rule)


def read_bundle(documents: Iterable[Document], *, namespace: str = DEFAULT_NAMESPACE, local: bool = True) -> Bundle:
    """Read documents as objects; whatever is wrong with one of them by itself is among the findings."""
    bundle = Bundle(namespace=namespace, local=local)
    seen: dict[tuple[str, str, str], Document] = {}
    for document in documents:
        envelope = list(_envelope(document))
        bundle.findings += envelope
        if envelope:
            continue
        kind, metadata = document.value["kind"], document.value["metadata"]
        where, name = metadata.get("namespace") or namespace, metadata.get("name") or ""
        before = seen.setdefault((kind, where, name), document) if name else document
        if before is not document:
            message = f"there is another {kind} {name} in {before.file}:{before.line}; rename one of them"
            bundle.findings.append(finding(document, f"{kind} {name}", "metadata.name", message))
            continue
        if kind == "JobDefinition":
            _read_definition(bundle, document, where, name)
        else:
            _read_run(bundle, document, where, name or str(metadata["generateName"]))
    return bundle


def _envelope(document: Document) -> Iterator[Finding]:
    value = document.value
    if not isinstance(value, dict):
        what = "a list" if isinstance(value, list) else f"{value!r:.40}"
        yield finding(document, "", "", f"an object has apiVersion, kind, metadata and spec; this is {what}")
        return
    kind, version = value.get("kind"), value.get("apiVersion")
    if kind not in KINDS:
        message = "kind is missing" if kind is None else f"kind {kind} is none that brood runs"
        yield finding(document, "", "kind", f"{message}; allowed: {', '.join(KINDS)}")
    elif version != API_VERSION:
        message = "apiVersion is missing" if version is None else f"apiVersion {version} is not known"
        yield finding(document, str(kind), "apiVersion", f"{message}; it must be {API_VERSION}")
    else:
        yield from _metadata(document, str(kind), value.get("metadata"))


def _metadata(document: Document, kind: str, metadata: object) -> Iterator[Finding]:
    if not isinstance(metadata, Mapping):
        yield finding(document, kind, "metadata", "metadata with a name is missing")
        return
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if name is None and prefix is not None and kind == "JobRun":
        problem = name_problem(f"{prefix}xxxxx")  # the server adds five characters
        if problem:
            yield finding(document, kind, "metadata.generateName", problem)
    elif name is None:
        yield finding(document, kind, "metadata.name", "the name is missing")
    elif problem := name_problem(name):
        yield finding(document, f"{kind} {name}", "metadata.name", problem)
    namespace = metadata.get("namespace")
    if namespace is not None and name_problem(namespace):
        yield finding(document, kind, "metadata.namespace", name_problem(namespace))


def name_problem(name: object, length: int = NAME_LENGTH) -> str:
    """Say why a name is none that Kubernetes accepts, or ""."""
    if isinstance(name, str) and _NAME.fullmatch(name) and len(name) <= length:
        return ""
    rule = "lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit"
    return f"{name!r} is no name: {rule}, at most {length} characters"


def _read_definition(bundle: Bundle, document: Document, namespace: str, name: str) -> None:
    subject = f"JobDefinition {name}"
    parsed = _parsed(bundle, document, subject)
    if not isinstance(parsed, JobDefinition):
        bundle.unreadable.add((namespace, name))
        return
    wrong = problems(parsed.spec) or tuple(pod_problems(namespace, name, parsed.spec))
    bundle.findings += [finding(document, subject, one.path, one.message, rule=one.rule) for one in wrong]
    bundle.definitions.append(Definition(document, namespace, name, parsed.spec, sound=not wrong))


def _read_run(bundle: Bundle, document: Document, namespace: str, name: str) -> None:
    subject = f"JobRun {name}"
    parsed = _parsed(bundle, document, subject)
    if not isinstance(parsed, JobRun):
        return
    reference = parsed.spec.definition_ref
    for path, value in (
        ("spec.parentRef", parsed.spec.parent_ref),
        ("spec.definitionRef.local", reference.local),
        ("spec.definitionRef.task", reference.task),
        ("spec.definitionRef.revision", reference.revision),
    ):
        if value is not None:
            bundle.findings.append(finding(document, subject, path, "is set by brood on child runs; leave it out"))
    bundle.runs.append(Run(document, namespace, name, parsed.spec))


def _parsed(bundle: Bundle, document: Document, subject: str) -> JobDefinition | JobRun | None:
    try:
        return parse_manifest(document.value)
    except InvalidManifest as error:
        bundle.findings += [finding(document, subject, one.path, one.message) for one in error.problems]
        return None
