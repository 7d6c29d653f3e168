"""Ports that stay free until somebody listens on them.

A port that the kernel gives for the asking may be anybody's a moment later: of a connection, or of
a test in another worker. So these are below those that the kernel gives, and each worker has its
own, one after the other.
"""

from __future__ import annotations

import os
import socket
from itertools import cycle, islice

_BELOW = 32_768  # where the kernel's begin (net.ipv4.ip_local_port_range)
_EACH, _WORKERS = 2_000, 10


def _of_this_worker() -> range:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    last = _BELOW - worker * _EACH
    return range(last - _EACH, last)


# Each run begins elsewhere, for there may be several on a machine.
_ports = islice(cycle(_of_this_worker()), os.getpid() % _EACH, None)


def free_port() -> int:
    """A port of this machine that nobody listens on, and that is given to nobody else."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("a cycle has no end")
