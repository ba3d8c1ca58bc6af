"""Run the Storage server on 127.0.0.1; its configuration is JSON in EMBEDDED_STORAGE, so that no key is an argument."""

from __future__ import annotations

import json
import logging
import os
import sys

import uvicorn

from supabase_embedded.storage.app import StorageConfig, create_app


def main() -> None:
    """Serve until SIGTERM."""
    config = StorageConfig(**json.loads(os.environ.pop("EMBEDDED_STORAGE")))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    uvicorn.run(
        create_app(config),
        host="127.0.0.1",
        port=config.port,
        log_config=None,
        # The address of a signed link carries its token, and a file's name may carry a person's.
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
