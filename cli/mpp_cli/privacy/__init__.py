"""`mpp privacy`: what people may ask about their own data, and what is kept no longer."""

from __future__ import annotations

import typer

from mpp_cli.privacy import correction, erasure, export, files, purge, requests

app = typer.Typer(no_args_is_help=True)

# Their commands stand under `mpp privacy` itself, in this order.
for _part in (requests, export, correction, erasure, files, purge):
    app.add_typer(_part.app)
