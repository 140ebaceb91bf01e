"""The operator's image, built from the project's Dockerfile without a Docker engine, and pushed to a cluster's registry.

The base image is the stand-in that the registry serves under the name which the Dockerfile gives. Packages come from a
directory of the wheels that `requirements/image.lock` names, so that only the first build reaches out.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.cluster import node
from tests.cluster.places import PROJECT, cache, say, step
from tests.cluster.state import State

NAME = "library/brood-operator"
LOCK = PROJECT / "requirements/image.lock"
PIP = "[global]\nno-index = true\nfind-links = /wheels\n"


def push(state: State, name: str = "") -> str:
    """Build the image and push it, and return its digest; its name is one that the chart's defaults lead to, or `name`."""
    directory = state.directory / "image"
    directory.mkdir(exist_ok=True)
    registry = state.url("registry")
    mirror = f'[[registry]]\nprefix = "docker.io"\nlocation = "{registry}"\ninsecure = true\n'
    (directory / "registries.conf").write_text(mirror)
    (directory / "pip.conf").write_text(PIP)
    storage = cache() / "buildah"
    storage.mkdir(parents=True, exist_ok=True)
    with (storage / ".lock").open("w") as lock, step("the operator's image"):
        fcntl.flock(lock, fcntl.LOCK_EX)  # others would prune what is not finished
        python = Path("/usr/bin/python3").resolve().name.removeprefix("python")  # the stand-in has this machine's
        mounts = [f"--volume={wheels(python)}:/wheels:ro", f"--volume={directory / 'pip.conf'}:/etc/pip.conf:ro"]
        build = ["bud", "--isolation=chroot", "--layers", *mounts]
        # The first stage has a name of its own, so that the next build finds it: what has none is removed.
        _buildah(state, *build, "--target=build", "--tag=brood-build", str(PROJECT))
        _buildah(state, *build, f"--tag={NAME}", str(PROJECT))
        _buildah(state, "rmi", "--prune")
        digest = directory / "digest"
        target = f"docker://{name or f'{registry}/{NAME}:latest'}"
        _buildah(state, "push", "--tls-verify=false", f"--digestfile={digest}", NAME, target)
        say(f"  its size: {_buildah(state, 'images', '--noheading', '--format={{.Size}}', NAME).strip()}")
    return digest.read_text()


def wheels(python: str, *platforms: str) -> Path:
    """Return the directory of the locked wheels for a version of Python, on this machine or on other platforms."""
    words = [f"--python-version={python}", *(f"--platform={platform}" for platform in platforms)]
    directory = cache() / "wheels" / hashlib.sha256(repr(words).encode() + LOCK.read_bytes()).hexdigest()[:12]
    if not directory.exists():
        unfinished = directory.with_suffix(".unfinished")
        words += ["-q", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        words += [f"--requirement={LOCK}", f"--dest={unfinished}"]
        with step("wheels for the operator's image"):
            subprocess.run([sys.executable, "-m", "pip", "download", *words], check=True)
        unfinished.rename(directory)
    return directory


def _buildah(state: State, *words: str) -> str:
    storage = cache() / "buildah"
    driver = "overlay" if node.can_overlay(storage.parent) else "vfs"
    places = [f"--root={storage / 'root'}", f"--runroot={storage / 'run'}", f"--storage-driver={driver}"]
    environment = {**os.environ, "CONTAINERS_REGISTRIES_CONF": str(state.directory / "image/registries.conf")}
    done = subprocess.run(
        ["buildah", *places, *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"buildah {words[0]} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout
