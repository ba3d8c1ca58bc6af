"""`mpp class`: classes, what they play, their spreadsheets and their diplomas."""

from __future__ import annotations

import typer

from mpp_cli.class_ import challenges, classes, code, diplomas, forget, roster, teachers, tracking

app = typer.Typer(no_args_is_help=True)

# Their commands stand under `mpp class` itself, in this order.
for _part in (classes, challenges, teachers, forget, diplomas):
    app.add_typer(_part.app)

app.add_typer(code.app, name="code", help="The code with which families enter a class: show, renew, revoke.")
app.add_typer(roster.app, name="roster", help="The pupils of a class as a spreadsheet: import, export, template.")
app.add_typer(tracking.app, name="tracking", help="What the pupils did as a spreadsheet: import, export, template.")
