"""The embedded Supabase as this project runs it: its files, its command, its variables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mpp_supabase.errors import ConfigError
from mpp_supabase.project import Project, find_project
from supabase_embedded import StackSettings

if TYPE_CHECKING:
    from supabase_embedded import Ports, Stack, StackStatus


def stack_settings(
    project: Project | None = None, *, home: Path | None = None, supabase: Path | None = None
) -> StackSettings:
    """What the stack is told of this project; ``home`` and ``supabase`` are others than the project's, for tests."""
    project = project or find_project()
    home = home or project.home
    return StackSettings(
        supabase=supabase or project.supabase,
        packages=project.files,
        installed=project.npm_directory(home),
        home=home,
        command="mpp stack",
        install_command="make setup",
        variables="MPP_",
        pages=project.pages,
        sender="bonjour@mapetiteplanete.localhost",
        sender_name="Ma Petite Planète",
    )


def local_stack(ports: Ports | None = None) -> Stack:
    """The stack of this project, running or not."""
    from supabase_embedded import Stack

    return Stack(stack_settings(), ports)


def running_stack() -> StackStatus | None:
    """The stack that runs for this project; None when none does. Raises ConfigError when its state cannot be read."""
    from supabase_embedded import StackError, running_stack

    try:
        return running_stack(stack_settings())
    except StackError as error:
        raise ConfigError(error.message, error.hint) from None
