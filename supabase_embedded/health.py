"""Whether the services of a stack answer. A process can be there and do nothing: stopped, stuck, out of memory."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .state import HOST, Ports, ReplicaStatus

#: How long a service may take to answer, in seconds: a busy machine is no sick one.
TIMEOUT = 5.0

# Where each service is asked, by the name of its port, and what it answers there whatever the others do.
_ASKED = {
    "gateway": ("gateway", "/health"),
    "auth": ("auth", "/health"),
    "storage": ("storage", "/status"),
    "mailbox": ("mailbox", "/readyz"),
    "postgrest": ("postgrest_admin", "/live"),
    "functions": ("functions", "/"),
    "postgrest_replica": ("postgrest_replica_admin", "/live"),
}

#: "May we speak in secret?": the one question that Postgres answers with a letter, to anybody.
_SSL_REQUEST = struct.pack("!II", 8, 80877103)


def answering(services: Iterable[str], ports: Ports, seconds: float = TIMEOUT) -> dict[str, bool]:
    """Ask services at the same time; say of each whether it answered within so many seconds."""
    names = list(services)
    with ThreadPoolExecutor(max(len(names), 1)) as pool:
        return dict(zip(names, pool.map(lambda name: answers(name, ports, seconds), names), strict=True))


def answers(service: str, ports: Ports, seconds: float = TIMEOUT) -> bool:
    """Whether a service answers within so many seconds."""
    if service in ("postgres", "replica"):
        return _postgres_answers(getattr(ports, service), seconds)
    name, path = _ASKED[service]
    # Deno has no question of its own: any answer of it is one.
    return answers_http(getattr(ports, name), path, seconds, status=None if service == "functions" else 200)


def answers_http(port: int, path: str, seconds: float, *, status: int | None = 200) -> bool:
    """Whether a path is answered with a status, or with any when it is None."""
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == (status or 200) or status is None
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def replica(ports: Ports, seconds: float = TIMEOUT) -> ReplicaStatus | None:
    """What the gateway says of the replica; None when it says nothing."""
    connection = http.client.HTTPConnection(HOST, ports.gateway, timeout=seconds)
    try:
        connection.request("GET", "/health")
        said = json.loads(connection.getresponse().read()).get("replica")
        return ReplicaStatus(**said) if said else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _postgres_answers(port: int, seconds: float) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=seconds) as connection:
        connection.settimeout(seconds)
        connection.sendall(_SSL_REQUEST)
        return connection.recv(1) in (b"S", b"N")
    return False


def port_use(port: int) -> str:
    """What keeps a port of the loopback interface: listening, connected, or ended for a connection that is over.

    Empty where the system does not tell. A connection that a program of this machine began keeps its port for a minute
    after its end, and ours lie where systems take such ports from.
    """
    states: set[str] = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                local, state = line.split()[1], line.split()[3]
                address, _, number = local.rpartition(":")
                if int(number, 16) == port and (address.endswith("0100007F") or set(address) == {"0"}):
                    states.add(state)
    if not states:
        return ""
    return "listening" if "0A" in states else "ended" if states == {"06"} else "connected"
