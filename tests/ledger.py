"""A tiny ledger that settles by clearing, as SAP does, and remembers what was left of every account on every day.

It makes `AccountLine`s as an ERP shows them today: a reset leaves no trace of the clearing it undid. Tests derive
the past from what they saw of it and compare with the snapshots. It shares nothing with the product's derivation or
the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from crm_core.model import AccountLine

START = date(2026, 1, 1)
ZERO = Decimal(0)


@dataclass
class Ledger:
    today: date = START
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    """The account a root line counts for: an item's own key, or the payment's document."""
    detached: set[str] = field(default_factory=set)
    """Partial lines whose reference means nothing any more."""
    number: int = 0
    snapshots: list[tuple[date, dict[str, Decimal], Decimal]] = field(default_factory=list)

    # -- documents -------------------------------------------------------------------------------------------------

    def document(self, *lines: dict[str, Any]) -> str:
        self.number += 1
        name = f"C1/2026/{self.number}"
        for item, line in enumerate(lines, 1):
            self.lines[f"{name}/{item}"] = {
                "company_code": "C1", "fiscal_year": "2026", "document_number": str(self.number), "line": str(item),
                "customer_key": "K", "document_date": self.today, "posting_date": self.today,
                "currency": "CNY", "local_currency": "CNY",
            } | line  # fmt: skip
        return name

    def item(self, *amounts: Decimal, **more: Any) -> list[str]:
        kind = "invoice" if amounts[0] > 0 else "credit_memo"
        name = self.document(*({"role": "item", "amount": a, "document_kind": kind} | more for a in amounts))
        return self._owned(name, amounts)

    def _owned(self, name: str, amounts: Iterable[Any]) -> list[str]:
        keys = [f"{name}/{item}" for item, _ in enumerate(amounts, 1)]
        self.owner |= {key: key for key in keys}
        return keys

    def pay(self, amount: Decimal, targets: dict[str, Decimal], kind: str = "receipt", **more: Any) -> str:
        """One line for each target, one for what is left on account. Settles in full where it can."""
        amounts = [*targets.values(), amount - sum(targets.values())]
        lines = [{"role": "payment", "amount": -a, "kind": kind} | more for a in amounts if a]
        name = self.document(*lines)
        self.owner |= {f"{name}/{item}": name for item, _ in enumerate(lines, 1)}
        for item, target in enumerate(targets, 1):
            self.settle(f"{name}/{item}", target)
        return name

    def offset(self, credit: str, debit: str, amount: Decimal) -> str:
        """Settle later than posted: both rests at once, or a transfer with two lines."""
        if self.rest(credit) == -amount and self.rest(debit) == amount:
            name = self.document()
            self.clear(name, [*self.group(credit), *self.group(debit)])
            return name
        name = self.document(*(self._towards(key, a) for key, a in ((credit, amount), (debit, -amount))))
        self.settle(f"{name}/1", credit)
        self.settle(f"{name}/2", debit)
        return name

    def across(self, credit: str, debit: str, given: Decimal, taken: Decimal) -> None:
        """Two documents over the general ledger, one in each currency."""
        for key, amount in ((credit, given), (debit, -taken)):
            name = self.document(self._towards(key, amount))
            self.settle(f"{name}/1", key)

    def write_off(self, debit: str, amount: Decimal) -> None:
        name = self.document(self._towards(debit, -amount) | {"role": "write_off"})
        self.settle(f"{name}/1", debit)

    def _towards(self, key: str, amount: Decimal) -> dict[str, Any]:
        line = self.lines[key]
        return {
            "role": "transfer", "amount": amount, "currency": line["currency"], "customer_key": line["customer_key"],
        }  # fmt: skip

    # -- settling --------------------------------------------------------------------------------------------------

    def settle(self, line: str, target: str) -> None:
        group = [*self.group(target), line]
        if sum(self.lines[key]["amount"] for key in group) == 0:
            self.clear(document_of(line), group)
        else:
            self.lines[line]["settles"] = target

    def clear(self, name: str, keys: Iterable[str]) -> None:
        for key in keys:
            self.lines[key] |= {"clearing": name, "cleared_on": self.today}

    def reset(self, name: str) -> list[str]:
        freed = [key for key, line in self.lines.items() if line.get("clearing") == name]
        for key in freed:
            self.lines[key] |= {"clearing": "", "cleared_on": None}
        return freed

    def reverse(self, name: str) -> str:
        """Mirror every line; each pair is cleared. What the document's lines settled is open again."""
        mine = self.of(name)
        mirror = self.document(
            *(
                {k: self.lines[key][k] for k in ("role", "currency", "customer_key")}
                | {"amount": -self.lines[key]["amount"], "reverses": name}
                for key in mine
            )
        )
        for key in mine:
            self.lines[key]["reversed"] = True
            self.detached.add(key)
        self.clear(mirror, [*mine, *self.of(mirror)])
        return mirror

    def transfer_back(self, partial: str) -> None:
        """Undo a payment's partial line: a transfer clears it and puts its amount back on account."""
        line = self.lines[partial]
        back = {"role": "transfer", "amount": -line["amount"], "customer_key": line["customer_key"]}
        name = self.document(back, back | {"amount": line["amount"]})
        self.detached.add(partial)
        self.clear(name, [partial, f"{name}/1"])
        self.owner[f"{name}/2"] = self.owner[partial]

    def undo_transfer(self, name: str) -> None:
        for key in self.of(name):
            if clearing := self.lines[key].get("clearing"):
                self.reset(clearing)
        self.reverse(name)

    # -- what there is ---------------------------------------------------------------------------------------------

    def of(self, name: str) -> list[str]:
        return [key for key in self.lines if document_of(key) == name]

    def is_open(self, key: str) -> bool:
        return not self.lines[key].get("clearing")

    def is_partial(self, key: str) -> bool:
        return bool(self.lines[key].get("settles")) and key not in self.detached

    def partials(self, key: str) -> list[str]:
        referring = (k for k, line in self.lines.items() if line.get("settles") == key)
        return [k for k in referring if self.is_partial(k) and self.is_open(k)]

    def group(self, key: str) -> list[str]:
        return [key, *self.partials(key)]

    def rest(self, key: str) -> Decimal:
        if not self.is_open(key) or self.is_partial(key):
            return ZERO
        return sum((self.lines[k]["amount"] for k in self.group(key)), ZERO)

    def roots(self, sign: int, currency: str = "CNY") -> list[str]:
        """Open items or money on account with something left, of one sign."""
        standing = (key for key in self.owner if not self.lines[key].get("reversed"))
        return [k for k in standing if self.lines[k]["currency"] == currency and self.rest(k) * sign > 0]

    def snapshot(self) -> None:
        rests: dict[str, Decimal] = {}
        for key in self.lines:
            account = self.owner.get(key, key)  # a transfer that a reset left standing is an account of its own
            rests[account] = rests.get(account, ZERO) + self.rest(key)
        balance = sum((line["amount"] for line in self.lines.values()), ZERO)
        self.snapshots.append((self.today, {account: rest for account, rest in rests.items() if rest}, balance))

    def wait(self, days: int) -> None:
        self.today += timedelta(days)

    def rests_on(self, day: date) -> dict[str, Decimal]:
        """Account → what was left of it at the end of that day: + owed to us, - the customer's."""
        return next((rests for on, rests, _ in reversed(self.snapshots) if on <= day), {})

    def account_lines(self) -> dict[str, AccountLine]:
        return {
            key: AccountLine(**{"local_amount": line["amount"], **line})  # the same money, if the line says no other
            for key, line in self.lines.items()
        }


def document_of(key: str) -> str:
    return key.rpartition("/")[0]
