"""What the command ends with. Scripts and monitors rely on these."""

from __future__ import annotations

OK = 0
BUG = 1
"""An error of the program itself."""
USAGE = 2
"""Bad usage or configuration: nothing was done."""
SOME_FAILED = 3
"""Done, but some records failed or wait."""
HELD = 4
"""A guard waits for a person's approval."""
REMOTE_DOWN = 5
DIFFERS = 6
"""Reconciliation (or the audit trail) differs."""
INTERRUPTED = 130
