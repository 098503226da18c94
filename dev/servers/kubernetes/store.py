"""The store of Kubernetes: on sockets in its folder, so that nobody else reads it and no port is needed.

It is killed when it is stopped, like a store that crashes: asked to end, it waits 5 s for the API server. It has by
then written all that it acknowledged.
"""

from __future__ import annotations

import json
import os
import socket
from http.client import HTTPConnection
from pathlib import Path

from servers import binaries, processes
from servers.calls import PROBE

BINARY = binaries.Binary(
    title="etcd",
    name="etcd",
    version="3.6.16",
    module=Path(__file__).parent / "etcd",
    package="go.etcd.io/etcd/server/v3",
    packages=580,
    takes="about a minute on two cores",
    ask=("--version",),
    answer=r"^etcd Version: (\d+)\.(\d+)",
    least=(3, 5),
    server="kubernetes",
    folder="KUBEBUILDER_ASSETS",  # where envtest, and what is like it, looks
)
_SOCKET = "etcd:1"  # the form of an address is insisted on
URL = f"unix://{_SOCKET}"
"""From within its folder: the whole path of a socket may have a hundred bytes, and those of tests have more."""

_PEERS = "unix://etcd-peers:1"  # one is insisted on


def server(binary: Path, folder: Path) -> processes.Server:
    """With its data in this folder. Not started yet."""
    options = {
        "data-dir": "data",
        "listen-client-urls": URL,
        "advertise-client-urls": URL,
        "listen-peer-urls": _PEERS,
        "initial-advertise-peer-urls": _PEERS,
        "initial-cluster": f"default={_PEERS}",
        "unsafe-no-fsync": "true",  # it must outlive its process, not this machine
        "heartbeat-interval": "10",
        "election-timeout": "100",  # milliseconds until it leads: there is nobody else
        "log-level": "warn",
    }
    return processes.Server(
        [str(binary), *(f"--{name}={value}" for name, value in options.items())],
        processes.environ(folder),
        folder / "etcd.log",
        lambda: _healthy(folder),
    )


def _healthy(folder: Path) -> bool:
    connection = HTTPConnection("localhost")
    connection.sock = _connected(folder)
    try:
        connection.request("GET", "/health")
        return bool(json.loads(connection.getresponse().read())["health"] == "true")
    finally:
        connection.close()


def _connected(folder: Path) -> socket.socket:
    opened = os.open(folder, os.O_RDONLY)
    short = Path("/proc/self/fd") / str(opened)
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(PROBE)
    try:
        one.connect(str((short if short.exists() else folder) / _SOCKET))
    except BaseException:
        one.close()
        raise
    finally:
        os.close(opened)
    return one
