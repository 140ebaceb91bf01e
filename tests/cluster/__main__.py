"""``python -m tests.cluster prepare|up|down|status``: a Kubernetes on this machine, from the command line."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from tests.cluster import binaries, lifecycle
from tests.cluster.places import Missing, default_cluster, say


def main() -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args()
    try:
        return _run(arguments)
    except Missing as missing:
        say(f"the test cluster cannot run here; missing: {missing}")
        # Without a cluster the tests that need one are skipped, unless they are required to run.
        return 0 if arguments.command == "prepare" and not os.environ.get("BROOD_REQUIRE_CLUSTER") else 1


def _run(arguments: argparse.Namespace) -> int:
    directory: Path = arguments.dir
    match arguments.command:
        case "prepare":
            lifecycle.prepare("real")
        case "up":
            state = lifecycle.up(directory, kind=arguments.node, audit=arguments.audit, nodes=arguments.nodes)
            print(f"export KUBECONFIG={state.kubeconfig}")
            if shutil.which("kubectl") is None:
                print(f"export PATH={binaries.program('kubectl').parent}:$PATH")
        case "down":
            lifecycle.down(directory)
        case "status":
            programs = lifecycle.status(directory)
            for name, runs in sorted(programs.items()):
                print(f"{name:12} {'running' if runs else 'ended'}")
            return 0 if programs and all(programs.values()) else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("prepare", "build programs and images, install packages"),
        ("up", "start a cluster and print how to use it"),
        ("down", "stop it and remove its state"),
        ("status", "list its programs"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--dir", type=Path, default=default_cluster(), help="its directory (%(default)s)")
        if name == "up":
            command.add_argument("--node", choices=lifecycle.KINDS, default="real", help="kind of nodes (%(default)s)")
            command.add_argument("--nodes", type=int, default=10, help="number of simulated nodes (%(default)s)")
            command.add_argument("--audit", action="store_true", help="write an audit log")
    return parser


if __name__ == "__main__":
    sys.exit(main())
