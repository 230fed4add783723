"""crosstie db: the tables' version."""

from __future__ import annotations

import typer

from commands import session
from commands.app import Command, UsageFault, examples, new_app
from commands.output import output
from commands.texts import N_, say
from config.exit_codes import OK

app = new_app(help="The database: version, upgrade and downgrade.")


@app.command(cls=Command, epilog=examples(("db upgrade", "after the program was upgraded; make a copy first")))
def upgrade() -> int:
    """Bring the tables to this program's version; data stays."""
    from config.wiring import raw_database

    database = raw_database(session.settings())
    try:
        before, after = database.version(), database.upgrade()
    finally:
        database.dispose()
    if not output.result({"before": before, "version": after, "place": str(database.place)}):
        text = (
            N_("{place} is of version {version} already.")
            if before == after
            else N_("{place} is now of version {version}.")
        )
        output.note(say(text, place=database.place, version=after))
    return OK


@app.command(cls=Command, epilog=examples(("db downgrade 0001 --yes", "before an older program takes over again")))
def downgrade(
    version: str = typer.Argument(..., metavar="VERSION", help="what the older program needs; it says so itself"),
    yes: bool = typer.Option(False, "--yes", help="do it: what only the newer tables hold is lost"),
) -> int:
    """Take the tables back to an earlier version; make a backup first, and stop whatever is running."""
    from config.wiring import raw_database

    if not yes:
        raise UsageFault("downgrade-unconfirmed", version=version)
    database = raw_database(session.settings())
    try:
        before = database.version()
        database.downgrade(version)
    finally:
        database.dispose()
    if not output.result({"before": before, "version": version, "place": str(database.place)}):
        output.note(say("{place} is now of version {version}.", place=database.place, version=version))
    return OK


@app.command(cls=Command, epilog=examples(("db version", "which version the tables have and which one is needed")))
def version() -> int:
    """Show the tables' version and the one this program needs."""
    from config.wiring import raw_database
    from crm_core.database import head_version

    database = raw_database(session.settings())
    try:
        found, needed = database.version(), head_version()
    finally:
        database.dispose()
    if not output.result({"version": found, "needed": needed, "place": str(database.place)}):
        text = N_("{place}: version {found}, needed {needed}.")
        output.note(say(text, place=database.place, found=found or "-", needed=needed))
    return OK
