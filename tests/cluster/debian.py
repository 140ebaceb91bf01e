"""The Debian packages that a real node and its images are made of."""

import os
import shutil
import subprocess

from tests.cluster.places import Missing, say, step

NODE_PACKAGES = (
    "buildah",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iproute2",
    "socat",
    "mount",
    "openssl",
    "busybox-static",
)
IMAGE_PACKAGES = ("ca-certificates", "curl", "ffmpeg", "python3", "python3-venv")


def missing_packages(packages: tuple[str, ...]) -> list[str]:
    """Return those of `packages` that are not installed."""
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def install(packages: tuple[str, ...] = NODE_PACKAGES + IMAGE_PACKAGES) -> None:
    """Install what is missing of `packages`; asks dpkg only when nothing is.

    Raises
    ------
    Missing
        If something has to be installed and this is no Debian, or nobody with the right to.
    """
    if shutil.which("dpkg-query") is None:
        raise Missing("Debian (the real node and its images are made from Debian packages)")
    wanted = missing_packages(packages)
    if not wanted:
        return
    if os.geteuid() != 0:
        raise Missing(f"root, or the Debian packages {' '.join(wanted)}")
    say(f"installing Debian packages: {' '.join(wanted)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step("Debian packages"):
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *wanted]):
            done = subprocess.run(
                ["apt-get", "-o", "DPkg::Lock::Timeout=300", *command],
                env=quiet,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise Missing(f"Debian packages: apt-get {command[0]} failed: {done.stderr.strip()[-500:]}")
