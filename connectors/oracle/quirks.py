"""What Fusion's resources need beyond their product file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
DISCOUNTS = {"Earned Discount", "Unearned Discount"}
"""Activities that lower the transaction and take nothing from the receipt; the mapping's table `activity` has them."""
UNKNOWN = "unknown"
"""No number: the record is refused by name, since nobody can say what was taken from the receipt."""


def allocated(records: Iterable[Row]) -> None:
    """Give each application of a receipt its ReceiptAmount: what it took from the receipt, in the receipt's currency.

    An application states its amount in the transaction's currency only. Where that is another one, the receipt tells:
    what is applied of it today, less its applications in its own currency, is the share of the one that is left. A
    discount takes nothing.
    """
    by_receipt: defaultdict[str, list[Row]] = defaultdict(list)
    for record in records:
        for line in record.get("standardReceiptApplications") or []:
            receipt: Row = next(iter(record.get("receipt") or []), {})
            if line.get("ActivityName") in DISCOUNTS:
                line["ReceiptAmount"] = "0"
                continue
            foreign = bool(receipt) and line["EnteredCurrency"] != receipt["Currency"]
            line["ReceiptAmount"] = UNKNOWN if foreign else line["ApplicationAmount"]
            if not line.get("UnappliedOn"):
                by_receipt[line["StandardReceiptId"]].append({**receipt, "line": line, "foreign": foreign})
    for standing in by_receipt.values():
        foreign = [row for row in standing if row["foreign"]]
        if len(foreign) == 1:
            own = sum((Decimal(row["line"]["ApplicationAmount"]) for row in standing if not row["foreign"]), Decimal(0))
            applied = Decimal(foreign[0]["Amount"]) - Decimal(foreign[0]["UnappliedAmount"] or 0)
            foreign[0]["line"]["ReceiptAmount"] = format(applied - own, "f")
