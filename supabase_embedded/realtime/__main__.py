"""Run Realtime on 127.0.0.1; its configuration is JSON in EMBEDDED_REALTIME, so that no key is an argument."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from typing import Any

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from websockets.asyncio.server import serve

from supabase_embedded.process import raise_open_files
from supabase_embedded.realtime.database import Connection, Database, Feed
from supabase_embedded.realtime.server import LARGEST_FRAME, Server
from supabase_embedded.storage.tokens import Tokens

#: Joins that the database answers at once; others wait for their turn, so many seconds at most.
MOST_ASKED = 6
TURN_SECONDS = 20.0


async def run(config: dict[str, Any]) -> None:
    """Serve until SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
        config["database_url"],
        min_size=1,
        max_size=MOST_ASKED,
        timeout=TURN_SECONDS,
        kwargs={"autocommit": True, "row_factory": dict_row},
        open=False,
        check=AsyncConnectionPool.check_connection,
    )
    server = Server(Database(pool), Tokens(config["jwks"], config["jwt_secret"]))
    feed = Feed(config["database_url"], server.deliver)
    await pool.open()
    tasks = [asyncio.create_task(feed.run(server.close_all)), asyncio.create_task(server.end_expired())]
    try:
        # Nobody joins before messages are followed.
        await _first(feed.following.wait(), stopped.wait())
        if not stopped.is_set():
            async with serve(
                server.serve,
                "127.0.0.1",
                config["port"],
                process_request=server.answer,
                compression=None,
                max_size=LARGEST_FRAME,
                max_queue=16,
                ping_interval=25,
                ping_timeout=25,
                server_header=None,
                backlog=2048,
            ):
                await _first(stopped.wait(), *tasks)
    finally:
        for task in tasks:
            task.cancel()
        await pool.close(timeout=2)


async def _first(*waited: Any) -> None:
    """Wait for the first of these; raise what it raised."""
    tasks = [asyncio.ensure_future(one) for one in waited]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    for task in done:
        task.result()


def main() -> None:
    """Read the configuration and serve."""
    config = json.loads(os.environ.pop("EMBEDDED_REALTIME"))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    # An address carries the API key, a message may carry a token.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    raise_open_files()
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.install()
    asyncio.run(run(config))


if __name__ == "__main__":
    main()
