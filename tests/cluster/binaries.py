"""The programs of the control plane and the node, built with Go from pinned modules and kept in the cache.

`gomod/` holds a module per source, with the checksums of everything it is built from; `gitops` is a program of ours over
the libraries of Flux and Argo CD. A build lands in a directory named after the hash of that module and the way it is
built, so that a change builds anew and two checkouts share what is equal.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.places import HERE, Missing, cache, say

KUBERNETES_LDFLAGS = (  # what the modules of gomod/kubernetes are; a release's build script would set these
    "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3"
    " -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"
)
TELL_EVERY = 15.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A Go module in `gomod/` and the programs that it gives: name of the program → import path of its main package."""

    module: str
    programs: dict[str, str]
    ldflags: str = "-s -w"

    @property
    def directory(self) -> Path:
        """Where its programs are once built; the name changes with everything that they are built from."""
        digest = hashlib.sha256(repr((self.programs, self.ldflags)).encode())
        for path in sorted((HERE / "gomod" / self.module).iterdir()):
            digest.update(path.read_bytes())
        return cache() / "bin" / f"{self.module}-{digest.hexdigest()[:12]}"

    @property
    def built(self) -> bool:
        """Whether all its programs are there."""
        return all((self.directory / program).is_file() for program in self.programs)


SOURCES = (
    Source(module="crane", programs={"crane": "github.com/google/go-containerregistry/cmd/crane"}),
    Source(module="etcd", programs={"etcd": "go.etcd.io/etcd/server/v3"}),
    Source(module="helm", programs={"helm": "helm.sh/helm/v4/cmd/helm"}),
    Source(module="kwok", programs={"kwok": "sigs.k8s.io/kwok/cmd/kwok"}),
    Source(
        module="kubernetes",
        programs={
            program: f"k8s.io/kubernetes/cmd/{program}"
            for program in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
        },
        ldflags=KUBERNETES_LDFLAGS,
    ),
    Source(module="gitops", programs={"gitops": "."}),  # after kubernetes, with which it shares packages
)


def program(name: str) -> Path:
    """Return the path of the built program `name`."""
    return next(source.directory / name for source in SOURCES if name in source.programs)


def build(*modules: str) -> None:
    """Build what the cache does not hold, of all modules if none is named; ten minutes on two cores the first time.

    Raises
    ------
    Missing
        If something has to be built and there is no Go.
    """
    wanted = [source for source in SOURCES if not modules or source.module in modules]
    if all(source.built for source in wanted):
        return
    go = _go()
    with _one_builder_at_a_time():
        for source in wanted:
            if not source.built:  # another process may have built it while this one waited
                _build(source, go=go)


def _go() -> str:
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found is None:
        raise Missing("Go 1.26 or later (the test cluster's programs are built with it)")
    return found


@contextmanager
def _one_builder_at_a_time() -> Iterator[None]:
    lock = cache() / "bin" / ".lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is building the test cluster's programs; waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _build(source: Source, *, go: str) -> None:
    say(f"building {', '.join(source.programs)} (once; kept in {source.directory})")
    unfinished = source.directory.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    began = time.monotonic()
    for name, package in source.programs.items():
        _compile(source, go=go, package=package, target=unfinished / name)
    shutil.rmtree(source.directory, ignore_errors=True)
    unfinished.rename(source.directory)
    say(f"  {source.module} built ({time.monotonic() - began:.0f} s)")


def _compile(source: Source, *, go: str, package: str, target: Path) -> None:
    """Compile one program, telling how far it is; `go build -v` names each package on stderr as it is compiled."""
    command = [
        go,
        "build",
        "-v",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        source.ldflags,
        "-o",
        str(target),
        package,
    ]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    running = subprocess.Popen(
        command,
        cwd=HERE / "gomod" / source.module,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(running.stderr or ()), daemon=True)
    reader.start()
    began = time.monotonic()
    while True:
        try:
            code = running.wait(TELL_EVERY)
            break
        except subprocess.TimeoutExpired:
            say(f"  {target.name}: {len(lines)} packages, {time.monotonic() - began:.0f} s")
    reader.join(5)
    if code != 0:
        raise RuntimeError(f"building {package} failed:\n{''.join(lines[-20:])}")
