"""Keys of the work queue: which object is looked at."""

from enum import StrEnum
from typing import NamedTuple


class Subject(StrEnum):
    """The kinds of objects that have keys of their own."""

    RUN = "run"
    DEFINITION = "definition"
    ORPHAN = "orphan"  # a Pod that has lost its run, or what says that it is the run's


class Key(NamedTuple):
    """One object by name; the object that has the name now is the one that is looked at."""

    subject: Subject
    namespace: str
    name: str

    @property
    def fields(self) -> dict[str, str]:
        """The object as fields of a log line."""
        return {"namespace": self.namespace, self.subject.value: self.name}

    def __str__(self) -> str:
        return f"{self.subject} {self.namespace}/{self.name}"


def run_key(namespace: str, name: str) -> Key:
    """Return the key of a JobRun."""
    return Key(Subject.RUN, namespace, name)


def definition_key(namespace: str, name: str) -> Key:
    """Return the key of a JobDefinition."""
    return Key(Subject.DEFINITION, namespace, name)
