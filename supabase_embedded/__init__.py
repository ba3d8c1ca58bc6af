"""The embedded Supabase: Postgres, PostgREST, Auth, a mailbox and a gateway on 127.0.0.1, without Docker.

    from supabase_embedded import Stack
    status = Stack().start()
    status.env()["API_URL"]

Names are loaded when first used, so that ``running_stack`` costs the CLI next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import StackError
    from .postgres import PostgresServer
    from .stack import Stack
    from .state import Ports, ServiceStatus, StackStatus, running_stack

__all__ = ["Ports", "PostgresServer", "ServiceStatus", "Stack", "StackError", "StackStatus", "running_stack"]

_HOMES = {
    "Ports": "state",
    "PostgresServer": "postgres",
    "ServiceStatus": "state",
    "Stack": "stack",
    "StackError": "errors",
    "StackStatus": "state",
    "running_stack": "state",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
