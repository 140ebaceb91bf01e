"""Layers of the node's images, made from files of this machine's Debian packages and kept in the cache.

A layer is a compressed tar; two digests stand beside it, because making them again at each start would cost seconds.
Programs bring the shared libraries that `ldd` names. The layout is Debian's: ``/bin`` and ``/lib`` are links into
``/usr``.
"""

import fcntl
import gzip
import hashlib
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

from tests.cluster.debian import IMAGE_PACKAGES
from tests.cluster.places import cache, step

BUSYBOX = Path("/bin/busybox")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
LEFT_OUT = {"__pycache__", "dist-packages", "test", "idlelib", "lib2to3", "ensurepip"}  # of Python's library


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A compressed tar with its size in bytes, its digest, and the digest of what is in it (its *diff id*)."""

    path: Path
    size: int
    digest: str
    diff_id: str


def layer(name: str) -> Layer:
    """Return the layer `name` (a key of `_CONTENTS`), made now if the cache does not hold it."""
    directory = cache() / "images" / _key()
    directory.mkdir(parents=True, exist_ok=True)
    facts = directory / f"{name}.json"
    with (directory / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not facts.exists():
            with step(f"image layer {name}"):
                made = _write(directory / f"{name}.tar.gz", _CONTENTS[name])
            facts.write_text(json.dumps(asdict(made) | {"path": str(made.path)}))
    record = json.loads(facts.read_text())
    return Layer(**record | {"path": Path(record["path"])})


def _key() -> str:
    """Return a word that changes with the packages which the files come from, and with this module."""
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package}=${Version}\n", "busybox-static", "libc6", *IMAGE_PACKAGES],
        capture_output=True,
        check=True,
    )
    return hashlib.sha256(asked.stdout + Path(__file__).read_bytes()).hexdigest()[:12]


def _write(path: Path, fill: Callable[["_Tar"], None]) -> Layer:
    plain = BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        fill(_Tar(tar))
    content = plain.getvalue()
    packed = gzip.compress(content, compresslevel=1, mtime=0)
    path.write_bytes(packed)
    return Layer(path=path, size=len(packed), digest=_digest(packed), diff_id=_digest(content))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class _Tar:
    """A tar that takes files of this machine at their own paths, each once, owned by root."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self.tar = tar
        self.names: set[str] = set()

    def add(self, name: str, *, kind: bytes, mode: int = 0o755, content: bytes = b"", target: str = "") -> None:
        if name in self.names:
            return
        self.names.add(name)
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), target
        self.tar.addfile(entry, BytesIO(content))

    def directory(self, name: str, *, mode: int = 0o755) -> None:
        self.add(name, kind=tarfile.DIRTYPE, mode=mode)

    def link(self, name: str, target: str) -> None:
        self.add(name, kind=tarfile.SYMTYPE, target=target)

    def text(self, name: str, content: str) -> None:
        self.add(name, kind=tarfile.REGTYPE, mode=0o644, content=content.encode())

    def file(self, path: Path) -> None:
        """Add the file that `path` leads to, under its own name in its real directory."""
        name = str(path.parent.resolve() / path.name).lstrip("/")
        self.add(name, kind=tarfile.REGTYPE, mode=path.stat().st_mode & 0o755, content=path.read_bytes())

    def programs(self, paths: Iterable[Path]) -> None:
        """Add programs (or shared objects) with the libraries that they are linked to."""
        for path in paths:
            self.file(path)
            for library in _libraries(path):
                self.file(library)


def _libraries(path: Path) -> list[Path]:
    """Return what the dynamic linker would load for `path`; nothing for a static program."""
    listed = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False)
    words = [line.split() for line in listed.stdout.splitlines()]
    return [Path(word) for line in words for word in line[:3] if word.startswith("/") and not word.endswith(":")]


def _base(tar: _Tar) -> None:
    """Busybox under all its names, and the few files that a container expects."""
    for name in (
        "usr/bin",
        "usr/sbin",
        "usr/lib",
        "usr/lib64",
        "usr/local/bin",
        "etc",
        "root",
        "var/tmp",
        "opt",
        "home",
    ):
        tar.directory(name)
    for name in ("proc", "sys", "dev", "run"):
        tar.directory(name)
    for name in ("bin", "sbin", "lib", "lib64"):
        tar.link(name, f"usr/{name}")
    tar.directory("tmp", mode=0o1777)
    tar.add("usr/bin/busybox", kind=tarfile.REGTYPE, content=BUSYBOX.read_bytes())
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            tar.link(f"usr/bin/{applet}", "/bin/busybox")
    tar.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    tar.text("etc/group", "root:x:0:\nnogroup:x:65534:\n")
    tar.text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")


def _python(tar: _Tar) -> None:
    """Debian's Python with its standard library, and curl with certificates."""
    interpreter = Path("/usr/bin/python3").resolve()
    tar.programs([interpreter, Path("/usr/bin/curl")])
    for name in ("python3", "python"):
        tar.link(f"usr/bin/{name}", interpreter.name)
    library = Path("/usr/lib") / interpreter.name
    for folder, subfolders, names in os.walk(library):
        subfolders[:] = sorted(set(subfolders) - LEFT_OUT)
        for name in sorted(names):
            path = Path(folder) / name
            if path.suffix == ".so":
                tar.programs([path])
            elif path.is_file() and path.suffix != ".a":
                tar.file(path)
    if CERTIFICATES.exists():
        tar.file(CERTIFICATES)


def _pip(tar: _Tar) -> None:
    """Files for virtual environments, and what compiled packages are linked to."""
    interpreter = Path("/usr/bin/python3").resolve()
    for path in (
        *Path("/usr/lib", interpreter.name, "ensurepip").glob("*.py"),
        *Path("/usr/share/python-wheels").iterdir(),
    ):
        tar.file(path)
    for name in ("libstdc++.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1"):
        tar.programs(Path("/usr/lib").glob(f"*/{name}"))


def _ffmpeg(tar: _Tar) -> None:
    """Ffmpeg and ffprobe."""
    tar.programs([Path("/usr/bin/ffmpeg"), Path("/usr/bin/ffprobe")])


_CONTENTS: dict[str, Callable[[_Tar], None]] = {"base": _base, "python": _python, "pip": _pip, "ffmpeg": _ffmpeg}
