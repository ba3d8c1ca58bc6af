"""The stack from the official images, behind our gateway: MPP_TEST_BACKEND=docker.

Each image is overridable: MPP_TEST_IMAGE_POSTGRES, MPP_TEST_IMAGE_POSTGREST, MPP_TEST_IMAGE_AUTH,
MPP_TEST_IMAGE_STORAGE, MPP_TEST_IMAGE_MAILPIT. testcontainers would start one more, ``ryuk``, which removes the
containers of a session that was killed: it runs only where MPP_TEST_IMAGE_RYUK names its image.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from mpp_supabase.project import find_project
from supabase_embedded import Ports, StackStatus, process
from supabase_embedded.auth.environment import auth_environment
from supabase_embedded.config import Config
from supabase_embedded.keys import Keys
from supabase_embedded.migrations import apply_migrations
from tests.support.waiting import LIMIT, wait_until

IMAGES = {
    "postgres": "supabase/postgres:17.6.1.136",
    "postgrest": "postgrest/postgrest:v14.5",
    "auth": "supabase/gotrue:v2.197.0",
    "storage": "supabase/storage-api:v1.90.1",
    "mailpit": "axllent/mailpit:latest",
}


def image(name: str) -> str:
    """The image of a service: MPP_TEST_IMAGE_<NAME>, else the official one."""
    return os.environ.get(f"MPP_TEST_IMAGE_{name.upper()}") or IMAGES[name]


@contextlib.contextmanager
def docker_stack() -> Iterator[StackStatus]:
    """Run Postgres, Auth, Storage, PostgREST and Mailpit as containers on loopback, and our gateway before them."""
    from docker.errors import DockerException
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.network import Network

    testcontainers_config.ryuk_disabled = not os.environ.get("MPP_TEST_IMAGE_RYUK")
    testcontainers_config.ryuk_image = os.environ.get("MPP_TEST_IMAGE_RYUK") or testcontainers_config.ryuk_image

    keys, password, project = Keys.generate(), secrets.token_urlsafe(24), find_project()
    config = Config.read(project.supabase / "config.toml")
    gateway_port = Ports.free().gateway
    api_url = f"http://127.0.0.1:{gateway_port}"
    with contextlib.ExitStack() as stack:
        try:
            network = stack.enter_context(Network())
        except DockerException as error:
            raise pytest.UsageError(f"MPP_TEST_BACKEND=docker needs a Docker daemon: {error}") from None

        def run(name: str, env: dict[str, str], alias: str, *ports: int) -> Any:
            from testcontainers.core.container import DockerContainer

            container = DockerContainer(image(name)).with_network(network).with_network_aliases(alias)
            for port in ports:
                container.ports[f"{port}/tcp"] = ("127.0.0.1", None)  # loopback only
            for variable, value in env.items():
                container.with_env(variable, value)
            return stack.enter_context(container)

        postgres = run("postgres", {"POSTGRES_PASSWORD": password}, "db", 5432)
        mailpit = run("mailpit", {}, "mailpit", 8025, 1025)
        db_url = f"postgresql://postgres:{password}@127.0.0.1:{postgres.get_exposed_port(5432)}/postgres"
        admin_url = db_url.replace("//postgres:", "//supabase_admin:", 1)
        _wait("postgres", lambda: _connects(admin_url))
        with psycopg.connect(admin_url, autocommit=True) as connection:
            for role in ("authenticator", "supabase_auth_admin", "supabase_storage_admin"):
                verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
                connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), verifier.decode()))

        auth_env = auth_environment(
            database_url=f"postgresql://supabase_auth_admin:{password}@db:5432/postgres",
            external_url=f"{api_url}/auth/v1",
            jwt_secret=keys.jwt_secret,
            jwt_keys=keys.auth_keys(),
            smtp_host="mailpit",
            smtp_port=1025,
            host="0.0.0.0",
            port=9999,
            **config.auth_options(),
        )
        auth = run("auth", auth_env, "auth", 9999)
        auth_url = f"http://127.0.0.1:{auth.get_exposed_port(9999)}"
        _wait("auth", lambda: _answers(f"{auth_url}/health"))
        # It makes the tables of schema storage, which the migrations write policies for.
        storage_env = {
            "DATABASE_URL": f"postgresql://supabase_storage_admin:{password}@db:5432/postgres",
            "DB_INSTALL_ROLES": "false",
            "AUTH_JWT_SECRET": keys.jwt_secret,
            "PGRST_JWT_SECRET": keys.jwt_secret,
            "JWT_JWKS": keys.jwks(),
            "ANON_KEY": keys.anon,
            "SERVICE_KEY": keys.service_role,
            # One tenant, and a bucket that the file backend does not use: named as in Supabase’s own compose file.
            "TENANT_ID": "stub",
            "STORAGE_BACKEND": "file",
            "STORAGE_FILE_BACKEND_PATH": "/mnt",
            "FILE_STORAGE_BACKEND_PATH": "/mnt",
            "STORAGE_S3_REGION": "local",
            "STORAGE_S3_BUCKET": "stub",
            "UPLOAD_FILE_SIZE_LIMIT": str(config.largest_file),
            "UPLOAD_FILE_SIZE_LIMIT_STANDARD": str(config.largest_file),
        }
        storage = run("storage", storage_env, "storage", 5000)
        storage_url = f"http://127.0.0.1:{storage.get_exposed_port(5000)}"
        _wait("storage", lambda: _answers(f"{storage_url}/status"))
        apply_migrations(db_url, project.supabase / "migrations")
        postgrest_env = {
            "PGRST_DB_URI": f"postgresql://authenticator:{password}@db:5432/postgres",
            "PGRST_DB_SCHEMAS": ",".join(config.schemas),
            "PGRST_DB_EXTRA_SEARCH_PATH": ",".join(config.extra_search_path),
            "PGRST_DB_ANON_ROLE": "anon",
            "PGRST_DB_MAX_ROWS": str(config.max_rows),
            "PGRST_JWT_SECRET": keys.jwks(),
            "PGRST_JWT_AUD": "authenticated",
            "PGRST_ADMIN_SERVER_PORT": "3001",
        }
        postgrest = run("postgrest", postgrest_env, "postgrest", 3000)
        postgrest_url = f"http://127.0.0.1:{postgrest.get_exposed_port(3000)}"
        _wait("postgrest", lambda: _answers(f"{postgrest_url}/"))

        logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        gateway = {
            "port": gateway_port,
            "postgrest": postgrest_url,
            "auth": auth_url,
            "storage": storage_url,
            "largest_file": config.largest_file,
            **{name: getattr(keys, name) for name in ("publishable", "secret", "anon", "service_role", "jwt_secret")},
        }
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "EMBEDDED_GATEWAY": json.dumps(gateway)}
        running = process.spawn(
            [sys.executable, "-m", "supabase_embedded.gateway"], log=logs / "gateway.log", env=env, cwd=logs
        )
        stack.callback(process.stop, running)
        _wait("gateway", lambda: _answers(f"{api_url}/health"))
        values = {
            "API_URL": api_url,
            "REST_URL": f"{api_url}/rest/v1",
            "FUNCTIONS_URL": f"{api_url}/functions/v1",
            "DB_URL": db_url,
            "PUBLISHABLE_KEY": keys.publishable,
            "SECRET_KEY": keys.secret,
            "ANON_KEY": keys.anon,
            "SERVICE_ROLE_KEY": keys.service_role,
            "JWT_SECRET": keys.jwt_secret,
            "MAILPIT_URL": f"http://127.0.0.1:{mailpit.get_exposed_port(8025)}",
        }
        ports = Ports(gateway=gateway_port, smtp=int(mailpit.get_exposed_port(1025)))
        yield StackStatus(logs, ports, (), values)


def _wait(name: str, ready: Callable[[], bool]) -> None:
    wait_until(ready, lambda: f"The container of {name} ({image(name)}) does not answer")


def _connects(url: str) -> bool:
    with contextlib.suppress(psycopg.Error), psycopg.connect(url, connect_timeout=LIMIT):
        return True
    return False


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=LIMIT) as answer:
        return bool(answer.status == 200)
    return False
