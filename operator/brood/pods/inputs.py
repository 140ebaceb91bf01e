"""How params, outputs and items reach a container: in its environment while they are small, as files when they are not.

Items have most values in common. A Pod is stored, sent and read by five programs some ten times in its life, so what
all of them get lies in one ConfigMap, to which their environment refers.

Contract §1.4: "as environment variables (`$URL`, `$RESULTS`) and as files (`$BROOD_PARAMS`, one JSON object;
`$BROOD_INPUTS/NAME`), byte-exact, never pasted into shell text. … A value above 32 KiB is only a file. Order of
precedence: `env` < params < outputs < `BROOD_*`."
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from brood.api.names import content_name
from brood.layout import PodPaths
from brood.pods.shell import call, quote
from brood.views import ConfigMapRequest, PodRequest

ENV_LIMIT: Final = 32 * 1024
"""Bytes of the largest value that travels in the environment."""

ENV_TOTAL: Final = 512 * 1024
"""Bytes of all of them; the largest beyond become files, because the kernel takes 2 MiB of environment and arguments
in all, and the API server 1.5 MiB of Pod."""

ARGUMENT_LIMIT: Final = 128 * 1024 - 1
"""Bytes of the largest argument that the kernel passes on; a longer ``$1`` is empty, and a file."""

SHARED_FROM: Final = 1024
"""Bytes of the smallest value that items do not each carry in their Pod."""

PARAMS_FILE: Final = ".params"
SETUP_FILE: Final = ".setup"
ITEM: Final = "BROOD_ITEM"
SHARED_PARAMS: Final = "BROOD__PARAMS"
"""The beginning of ``$BROOD_PARAMS`` that all items have in common; gone before the script starts."""

_CHANGED_BY_SHELLS: Final = frozenset(
    [
        "_",
        "DIRSTACK",
        "EUID",
        "FUNCNAME",
        "GROUPS",
        "HISTCMD",
        "HOSTNAME",
        "LINENO",
        "OLDPWD",
        "OPTARG",
        "OPTIND",
        "PIPESTATUS",
        "PPID",
        "PWD",
        "RANDOM",
        "SECONDS",
        "SHLVL",
        "UID",
        "BASH",
        "BASHOPTS",
        "BASHPID",
        "SHELLOPTS",
        "COMP_WORDBREAKS",
        "EPOCHSECONDS",
        "EPOCHREALTIME",
        "SRANDOM",
        "PS1",
        "PS2",
        "PS4",
        "MAIL",
        "MAILPATH",
    ]
)
"""Variables that a shell may set itself when it starts: their values are written out for the runner."""

_STOPS_SHELLS: Final = frozenset({"BASHOPTS", "OPTIND", "SHELLOPTS"})
"""Variables with which a shell may not start, or not as it should: dash dies of an ``OPTIND`` that is no number."""


@dataclass(frozen=True, slots=True)
class Source:
    """A ConfigMap, and which of its keys become files of which name; None: all by their own."""

    config_map: str
    items: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a container is given.

    ``env`` has the values that are small enough, ``env_refs`` the ConfigMaps of those that items share, by their names
    the keys, ``files`` the paths of the others, ``sources`` where those come from, ``setup`` the runner's commands;
    ``config_maps`` are to be created before the Pod.
    """

    env: Mapping[str, str]
    env_refs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    setup: str = ""
    sources: tuple[Source, ...] = ()
    config_maps: tuple[ConfigMapRequest, ...] = ()


def size(text: str) -> int:
    """Return how many bytes a text has."""
    return len(text) if text.isascii() else len(text.encode())


def plan_inputs(request: PodRequest, *, paths: PodPaths, runner: bool, commands: str = "") -> Inputs:
    """Decide for every value which way it goes.

    An output of which only the reference is known is a file, and the runner makes it a variable too if it is small.

    Parameters
    ----------
    request
        Whose params, outputs and item they are.
    paths
        Where files appear in the container.
    runner
        Whether the runner will be there to write files from the environment.
    commands
        More commands of the runner's for its setup.
    """
    outputs = dict(request.outputs)
    unread = {name: ref for name, ref in request.output_refs.items() if name not in outputs}
    values = {name: value for name, value in request.params if name not in unread} | outputs
    if request.item is not None:
        values[ITEM] = request.item
    large = _large(values)
    projection = _Projection(request, paths.files)
    for name in (one for one in values if one in large):
        if name in request.output_refs:
            projection.refer(name, *request.output_refs[name])
        else:
            projection.add(name, values[name])
    for name, ref in unread.items():
        projection.refer(name, *ref)
    left_out = large | _STOPS_SHELLS if runner else large
    env = {name: value for name, value in values.items() if name not in left_out}
    for name in [one for one, value in env.items() if _is_shared(request, one) and size(value) >= SHARED_FROM]:
        projection.share(name, env.pop(name))
    setup = ""
    params = _params(request, projection, runner=runner)
    if runner:
        commands = "".join(call("brood_ref", name, projection.files[name]) for name in unread) + params + commands
        setup = _sourced("".join(_setup(request, values=values, files=projection.files)) + commands, projection)
    return Inputs(env, projection.shared, projection.files, setup, projection.sources, projection.config_maps)


def _is_shared(request: PodRequest, name: str) -> bool:
    """Whether all items get the same value of that name."""
    return request.inputs_of is not None and name != ITEM and name not in request.own_params


def _params(request: PodRequest, projection: "_Projection", *, runner: bool) -> str:
    """Return the command that writes ``$BROOD_PARAMS``; nothing where it is a file already."""
    params = _json(dict(request.params))
    if size(params) > ENV_LIMIT:
        projection.add(PARAMS_FILE, params)
        return ""
    begin = _json(dict(takewhile(lambda one: _is_shared(request, one[0]), request.params)))[:-1]
    if not runner or size(begin) < SHARED_FROM:
        return call("brood_text", PARAMS_FILE, params)
    projection.share(SHARED_PARAMS, begin)
    return f'brood_text {PARAMS_FILE} "${SHARED_PARAMS}"{quote(params[len(begin) :])}\nunset {SHARED_PARAMS}\n'


def _json(params: Mapping[str, str]) -> str:
    return json.dumps(params, ensure_ascii=False, separators=(",", ":"))


def _sourced(setup: str, projection: "_Projection") -> str:
    """Return a setup that is read from a file where it is too large for the environment."""
    if size(setup) <= ENV_LIMIT:
        return setup
    projection.add(SETUP_FILE, setup)
    return f". {quote(projection.files[SETUP_FILE])}\n"


def _large(values: Mapping[str, str]) -> frozenset[str]:
    """Return the names whose values are only files."""
    sizes = sorted(((size(value), name) for name, value in values.items()), reverse=True)
    total, large = sum(bytes_ for bytes_, _ in sizes), set()
    for bytes_, name in sizes:
        if bytes_ <= ENV_LIMIT and total <= ENV_TOTAL:
            break
        large.add(name)
        total -= bytes_
    return frozenset(large)


def _setup(request: PodRequest, *, values: Mapping[str, str], files: Mapping[str, str]) -> Iterator[str]:
    """Yield the commands that write the files and set ``$1 …``."""
    plain = [name for name in values if name not in files and name not in _CHANGED_BY_SHELLS]
    if plain:
        yield call("brood_env", *plain)
    for name, value in values.items():
        if name in files:
            yield call("brood_file", name, files[name])
        elif name in _CHANGED_BY_SHELLS:
            yield call("brood_text", name, value)
    words = []
    for number, (name, value) in enumerate(_positional(request), start=1):
        if values.get(name) != value or (name not in files and name in _CHANGED_BY_SHELLS):
            words.append(quote(value))
        elif name not in files:
            words.append(f'"${name}"')
        elif size(value) <= ARGUMENT_LIMIT:
            yield f"BROOD_{number}=$(cat {quote(files[name])} && echo .)\n"
            words.append(f'"${{BROOD_{number}%.}}"')
        else:
            words.append("''")
    if words:
        yield f"set -- {' '.join(words)}\n"


def _positional(request: PodRequest) -> tuple[tuple[str, str], ...]:
    """Return ``$1 …`` with the names by which their values are known."""
    if request.positional is None:
        return request.params
    return tuple((ITEM if value == request.item else "", value) for value in request.positional)


class _Projection:
    """Collects the values that become files, all in one directory."""

    def __init__(self, request: PodRequest, directory: str) -> None:
        self._request = request
        self._directory = directory
        self._own: list[ConfigMapRequest] = []
        self._for_env: list[ConfigMapRequest] = []
        self.shared: dict[str, str] = {}
        self._others: dict[str, list[tuple[str, str]]] = {}
        self.files: dict[str, str] = {}

    def add(self, name: str, value: str) -> None:
        """Put a value into a ConfigMap that is named by it: Pods of a run, or items of a task, that get the same value share it."""
        self._own.append(self._stored(name, value))
        self.files[name] = f"{self._directory}/{name}"

    def share(self, name: str, value: str) -> None:
        """Put a value into such a ConfigMap and have the environment refer to it."""
        self._for_env.append(self._stored(name, value))
        self.shared[name] = self._for_env[-1].name

    def _stored(self, name: str, value: str) -> ConfigMapRequest:
        namespace = self._request.namespace
        run, uid = self._request.inputs_of or (self._request.run, self._request.run_uid)
        stored = content_name(run, uid, name, value)
        return ConfigMapRequest(namespace=namespace, name=stored, run=run, run_uid=uid, data={name: value})

    def refer(self, name: str, config_map: str, key: str) -> None:
        """Use a value where it lies."""
        self._others.setdefault(config_map, []).append((key, name))
        self.files[name] = f"{self._directory}/{name}"

    @property
    def config_maps(self) -> tuple[ConfigMapRequest, ...]:
        """The ConfigMaps to create."""
        return (*self._own, *self._for_env)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Everything to project."""
        others = (Source(name, tuple(items)) for name, items in self._others.items())
        return (*(Source(one.name) for one in self._own), *others)
