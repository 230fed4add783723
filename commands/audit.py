"""crosstie audit: is the audit trail whole?"""

from __future__ import annotations

from commands import session
from commands.app import Command, examples, new_app
from commands.output import output
from commands.texts import say
from config.exit_codes import DIFFERS, OK

app = new_app(help="The audit trail: verify.")


@app.callback()
def _group() -> None:
    """Keeps `verify` a command of its own."""


@app.command(cls=Command, epilog=examples(("audit verify", "exit code 6 when an entry was changed or removed")))
def verify() -> int:
    """Check the chain of the audit trail: nothing was changed or removed afterwards."""
    from crm_core import audit

    with session.database() as database, database.read() as conn:
        broken = audit.verify(conn)
    if not output.result({"ok": not broken, "broken": broken}):
        if broken:
            output.warn(
                say("The chain breaks at entry {id}: entries were changed or removed afterwards.", id=broken[0])
            )
        else:
            output.note(say("The audit trail is whole."))
    return DIFFERS if broken else OK
