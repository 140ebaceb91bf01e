"""The address at which Pods find the API server, which itself listens on loopback only: that of the service `kubernetes`.

There is no kube-proxy: the address is one of this machine's, and socat passes on what comes to it.
"""

import subprocess

from tests.cluster import processes
from tests.cluster.state import State


def start(state: State) -> None:
    """Take the address and pass on what comes to port 443."""
    address = f"{state.services}.1"
    subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
    listen = f"TCP-LISTEN:443,bind={address},fork,reuseaddr,nodelay"
    processes.start(state, "service", ["socat", listen, f"TCP:{state.url('api')},nodelay"])


def stop(state: State) -> None:
    """Give the address back."""
    processes.stop(state, "service")
    if state.node == "real":
        words = ["ip", "address", "delete", f"{state.services}.1/32", "dev", "lo"]
        subprocess.run(words, check=False, capture_output=True)
