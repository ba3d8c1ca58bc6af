"""A Supabase on 127.0.0.1 without Docker, for local work and tests: README.md says what it is and is not.

    from supabase_embedded import Stack, StackSettings
    status = Stack(StackSettings(supabase=Path("supabase"), packages=Path())).start()
    status.env()["API_URL"]

Names are loaded when first used, so that ``running_stack`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import StackError
    from .postgres import PostgresServer
    from .settings import StackSettings
    from .stack import Stack
    from .state import Ports, ReplicaStatus, ServiceStatus, StackStatus, running_stack

__version__ = "0.1.0"

__all__ = [
    "Ports",
    "PostgresServer",
    "ReplicaStatus",
    "ServiceStatus",
    "Stack",
    "StackError",
    "StackSettings",
    "StackStatus",
    "running_stack",
]

_MODULES = {
    "Ports": "state",
    "PostgresServer": "postgres",
    "ReplicaStatus": "state",
    "ServiceStatus": "state",
    "Stack": "stack",
    "StackError": "errors",
    "StackSettings": "settings",
    "StackStatus": "state",
    "running_stack": "state",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
