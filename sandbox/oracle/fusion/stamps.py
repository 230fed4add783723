"""Who made and changed a document, and when: the four attributes that every resource has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.office.trade import Document
from sandbox.oracle.adf.model import Column
from sandbox.oracle.fusion.ids import ms


def who(of: Callable[[Any], Document] = lambda document: document) -> dict[str, Column]:
    """`of` leads from what a row shows to the document whose stamps it bears."""
    return {
        "CreatedBy": lambda row: _user(of(row)),
        "CreationDate": lambda row: ms(of(row).created),
        "LastUpdatedBy": lambda row: _user(of(row)),
        "LastUpdateDate": lambda row: ms(of(row).changed),
    }


def _user(document: Document) -> str:
    return "CRM.INTEGRATION" if document.by_api else "FIN.USER"
