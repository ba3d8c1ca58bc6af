"""`mpp mail`: the outbox, sending it, newsletters, bounces."""

from __future__ import annotations

import typer

from mpp_cli.mail import bounces, newsletter, outbox, sending, weeks

app = typer.Typer(no_args_is_help=True)

# Their commands stand under `mpp mail` itself, in this order.
for _part in (outbox, sending, newsletter, weeks, bounces):
    app.add_typer(_part.app)
