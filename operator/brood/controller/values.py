"""Large outputs: what the ConfigMaps that ``outputRefs`` name hold."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping

from brood.cluster.port import Kind, NotFound, Port


class ValueStore:
    """The data of ConfigMaps that were read last, up to so many characters in all; immutable, so never stale."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._data: OrderedDict[tuple[str, str], Mapping[str, str]] = OrderedDict()

    def get(self, namespace: str, config_map: str) -> Mapping[str, str] | None:
        """Return the data of a ConfigMap that is in memory."""
        name = (namespace, config_map)
        if name in self._data:
            self._data.move_to_end(name)
        return self._data.get(name)

    def put(self, namespace: str, config_map: str, data: Mapping[str, str]) -> None:
        """Keep the data of a ConfigMap, and forget what was not used for longest where there is too much."""
        before = self._data.pop((namespace, config_map), {})
        self._used += _characters(data) - _characters(before)
        self._data[namespace, config_map] = data
        while self._used > self._size and len(self._data) > 1:
            _, dropped = self._data.popitem(last=False)
            self._used -= _characters(dropped)


class Values(Mapping[tuple[str, str], str]):
    """(ConfigMap, key) -> content, for one pass over one run; what it has loaded it holds until the pass ends."""

    def __init__(self, namespace: str, *, port: Port, store: ValueStore) -> None:
        self._namespace = namespace
        self._port = port
        self._store = store
        self._held: dict[str, Mapping[str, str]] = {}
        self.lost: set[tuple[str, str]] = set()
        """What was looked for and is not there: somebody has deleted or replaced the ConfigMap."""

    async def load(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Read the ConfigMaps of those values."""
        for config_map, key in wanted:
            if config_map not in self._held:
                self._held[config_map] = await self._read(config_map)
            if key not in self._held[config_map]:
                self.lost.add((config_map, key))

    async def _read(self, config_map: str) -> Mapping[str, str]:
        known = self._store.get(self._namespace, config_map)
        if known is None:
            try:
                manifest = await self._port.get(Kind.CONFIG_MAP, self._namespace, config_map)
            except NotFound:
                return {}
            known = manifest.get("data") or {}
            self._store.put(self._namespace, config_map, known)
        return known

    def __getitem__(self, key: tuple[str, str]) -> str:
        held = self._held.get(key[0]) or self._store.get(self._namespace, key[0]) or {}
        return held[key[1]]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((config_map, key) for config_map, data in self._held.items() for key in data)

    def __len__(self) -> int:
        return sum(len(data) for data in self._held.values())


def _characters(data: Mapping[str, str]) -> int:
    return sum(len(value) for value in data.values())
