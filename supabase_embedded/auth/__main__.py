"""`python -m supabase_embedded.auth migrate|serve`, configured by the variables of `environment.auth_environment`."""

from __future__ import annotations

import argparse
import logging
import sys

import psycopg

from supabase_embedded.auth.schema import migrate
from supabase_embedded.auth.settings import AuthSettings, load_settings


def main(arguments: list[str] | None = None) -> int:
    """Create the tables (`migrate`) or answer requests until stopped (`serve`). Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m supabase_embedded.auth", description=__doc__)
    parser.add_argument("action", choices=["migrate", "serve"], help="create the auth tables, or run the server")
    action = parser.parse_args(arguments).action
    try:
        settings = load_settings()
        if action == "migrate":
            migrate(settings.db_database_url.get_secret_value())
            return 0
        return _serve(settings)
    except (ValueError, psycopg.Error) as error:
        print(f"auth: {error}", file=sys.stderr)
        return 1


def _serve(settings: AuthSettings) -> int:
    # Only here: `migrate` runs at every start of the stack and needs no web server.
    import uvicorn

    from supabase_embedded.auth.app import create_app

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            host=settings.api_host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
