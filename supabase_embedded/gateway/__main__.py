"""Run the gateway on 127.0.0.1; its configuration is JSON in EMBEDDED_GATEWAY, so that no key is an argument."""

from __future__ import annotations

import os

import uvicorn

from .app import Gateway, config_from
from .protocol import BoundedProtocol

#: Connections at once; who comes after them is answered 503. With those to the services they stay below the thousand
#: open files that a process may have.
MOST_CONNECTIONS = 600


def main() -> None:
    """Serve until SIGTERM."""
    config = config_from(os.environ.pop("EMBEDDED_GATEWAY"))
    BoundedProtocol.seconds = config.timeout
    uvicorn.run(
        Gateway(config),
        http=BoundedProtocol,
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        host="127.0.0.1",
        port=config.port,
        log_level="warning",
        # Requests can carry a key in their address.
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
        backlog=2048,
    )


if __name__ == "__main__":
    main()
