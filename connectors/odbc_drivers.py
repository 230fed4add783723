"""Which ODBC drivers this machine has."""

from __future__ import annotations


def drivers() -> list[str] | None:
    """Their names; None where the driver manager itself (libodbc) is missing."""
    try:
        import pyodbc
    except ImportError:  # the package is there, the library it stands on is not
        return None
    return sorted(pyodbc.drivers())
