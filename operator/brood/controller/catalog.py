"""The JobDefinitions by name and by type and version, and who waits for one of them."""

from collections.abc import Iterable

from brood.controller.keys import Key
from brood.engine.snapshot import DefinitionProblem
from brood.views import DefinitionView, Malformed

Name = tuple[str, str]  # namespace, name


class Catalog:
    """All definitions as they are now."""

    def __init__(self) -> None:
        self._by_name: dict[Name, DefinitionView | Malformed] = {}
        self._by_type: dict[tuple[str, str, str], set[str]] = {}  # namespace, type, version -> names
        self._waiting: dict[str, set[Key]] = {}  # namespace -> keys that a change there may help

    def put(self, definition: DefinitionView | Malformed) -> None:
        """Add or replace a definition."""
        name = (definition.meta.namespace, definition.meta.name)
        self._unlist(self._by_name.get(name))
        self._by_name[name] = definition
        if isinstance(definition, DefinitionView) and definition.spec.type and definition.spec.version:
            listed = (name[0], definition.spec.type, definition.spec.version)
            self._by_type.setdefault(listed, set()).add(name[1])

    def remove(self, definition: DefinitionView | Malformed) -> None:
        """Forget a definition that is gone."""
        self._unlist(self._by_name.pop((definition.meta.namespace, definition.meta.name), None))

    def _unlist(self, definition: DefinitionView | Malformed | None) -> None:
        if isinstance(definition, DefinitionView) and definition.spec.type and definition.spec.version:
            listed = (definition.meta.namespace, definition.spec.type, definition.spec.version)
            names = self._by_type.get(listed, set())
            names.discard(definition.meta.name)
            if not names:
                self._by_type.pop(listed, None)

    def get(self, namespace: str, name: str) -> DefinitionView | Malformed | None:
        """Return the definition of that name."""
        return self._by_name.get((namespace, name))

    def find(
        self, namespace: str, *, name: str | None, type_: str | None, version: str | None
    ) -> DefinitionView | DefinitionProblem:
        """Return the one definition that a name, or a type and version, means now.

        Contract §1.1: "``{type, version}``, which must match exactly one JobDefinition of the namespace".
        """
        if name is None:
            wanted = f"type {type_}, version {version}"
            names = sorted(self._by_type.get((namespace, type_ or "", version or ""), ()))
            if len(names) > 1:
                return DefinitionProblem("AmbiguousDefinition", f"JobDefinitions {', '.join(names)} all have {wanted}")
            if not names:
                return DefinitionProblem("DefinitionNotFound", f"no JobDefinition has {wanted}")
            name = names[0]
        found = self._by_name.get((namespace, name))
        if found is None:
            return DefinitionProblem("DefinitionNotFound", f"JobDefinition {name} does not exist")
        if isinstance(found, Malformed):
            return DefinitionProblem("InvalidSpec", f"JobDefinition {name}: {found.error}")
        return found

    def all(self) -> Iterable[DefinitionView | Malformed]:
        """Return every definition."""
        return self._by_name.values()

    def wait(self, key: Key, *, waiting: bool) -> None:
        """Note whether a change of definitions in the key's namespace may help it."""
        keys = self._waiting.get(key.namespace)
        if waiting:
            self._waiting.setdefault(key.namespace, set()).add(key)
        elif keys is not None:
            keys.discard(key)

    def waiting(self, namespace: str) -> Iterable[Key]:
        """Return the keys that a change of definitions there may help."""
        return tuple(self._waiting.get(namespace, ()))
