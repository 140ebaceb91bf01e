"""The registry on loopback, and the images that it serves.

The node knows no other registry, so no test reaches out and an image that is not listed here does not exist. Images
carry the names that examples use; what is in them are stand-ins made from Debian's files (`layers`).
"""

import hashlib
import json
import platform
import urllib.error
import urllib.request
from dataclasses import dataclass

from tests.cluster import processes
from tests.cluster.binaries import program
from tests.cluster.layers import Layer, layer
from tests.cluster.state import State

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
TAR = "application/vnd.docker.image.rootfs.diff.tar.gzip"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # Go's words for them
PAUSE = "brood/pause:1"
SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What is served under some names."""

    repositories: tuple[str, ...]
    tags: tuple[str, ...]
    layers: tuple[str, ...] = ("base",)
    command: tuple[str, ...] = ("/bin/sh",)


IMAGES = (
    # What holds a Pod's namespaces open; only ever killed, so it need not react to TERM.
    Image(repositories=("brood/pause",), tags=("1",), command=("/bin/sleep", "2147483647")),
    Image(repositories=("library/alpine",), tags=("latest", "3", "3.19", "3.20", "3.21", "3.22", "3.23")),
    Image(repositories=("library/busybox",), tags=("latest", "1", "1.35", "1.36", "1.37", "stable")),
    Image(
        repositories=("library/python",),
        tags=("latest", "3", "3-slim", "3-alpine", "3.8-buster", "3.11-slim", "3.12-slim", "3.13-slim"),
        layers=("base", "python"),
    ),
    Image(repositories=("library/python",), tags=("3.13-slim-bookworm",), layers=("base", "python", "pip")),
    Image(
        repositories=("linuxserver/ffmpeg", "jrottenberg/ffmpeg"),
        tags=("latest",),
        layers=("base", "ffmpeg"),
    ),
)


def start(state: State) -> None:
    """Start the registry; it keeps what is pushed in the cluster's directory."""
    blobs = state.directory / "registry"
    blobs.mkdir(exist_ok=True)
    processes.start(
        state, "registry", [program("crane"), "registry", "serve", "--address", state.url("registry"), "--disk", blobs]
    )


def push(state: State) -> None:
    """Make all images and push them, once the registry answers."""
    processes.wait_until(lambda: _answers(state), state=state, name="registry", seconds=10)
    pushed: set[str] = set()
    for image in IMAGES:
        layers = [layer(name) for name in image.layers]
        config = _config(image, layers)
        for repository in image.repositories:
            _request(state, "POST", f"{repository}/blobs/uploads/?digest={_digest(config)}", body=config)
            for one in layers:
                if one.digest not in pushed:  # the registry keeps blobs by digest, whatever the repository
                    _request(
                        state, "POST", f"{repository}/blobs/uploads/?digest={one.digest}", body=one.path.read_bytes()
                    )
                    pushed.add(one.digest)
            for tag in image.tags:
                manifest = _manifest(config, layers)
                _request(state, "PUT", f"{repository}/manifests/{tag}", body=manifest, media_type=MANIFEST)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _config(image: Image, layers: list[Layer]) -> bytes:
    config = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Env": [SEARCH_PATH], "Cmd": list(image.command)},
        "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
        "history": [{"created_by": "tests.cluster"} for _ in layers],  # builders of other images count them
    }
    return json.dumps(config).encode()


def _manifest(config: bytes, layers: list[Layer]) -> bytes:
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(config), "digest": _digest(config)},
        "layers": [{"mediaType": TAR, "size": one.size, "digest": one.digest} for one in layers],
    }
    return json.dumps(manifest).encode()


def _answers(state: State) -> bool:
    try:
        _request(state, "GET", "")
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


def _request(state: State, method: str, path: str, *, body: bytes | None = None, media_type: str = "") -> None:
    url = f"http://{state.url('registry')}/v2/{path}"
    headers = {"Content-Type": media_type or "application/octet-stream"}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=60) as response:
        response.read()
