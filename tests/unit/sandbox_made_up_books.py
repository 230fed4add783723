"""Random data sets for the sandbox's loader: a small bookkeeper writes rows and keeps what should be left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from sandbox.office.company import Company
from sandbox.office.dataset import (
    ApplicationData,
    DataSet,
    InstalmentData,
    InvoiceData,
    Key,
    PartnerData,
    PaymentData,
    ProductData,
)

START = date(2026, 1, 1)
COMPANY = Company("CN01", "Made-up", "CNY", "Asia/Shanghai", "CN", 1, "CN01")
ZERO = Decimal(0)


class Bookkeeper:
    """Every action is legal on its day; `data` is what the loader gets. Amounts are whole units."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.day = START
        partners = [
            PartnerData(f"K{n}", f"K{n}", f"Customer {n}", accounts=[("CN01", f"{n}", "CNY", "N30")]) for n in (1, 2)
        ]
        self.data = DataSet("made-up", [COMPANY], partners, [ProductData("P", {"EN": "P"}, "ST", ZERO)], terms={"N30"})

    # -- what is left, straight from the rows --------------------------------------------------------------------

    def item_rests(self, on: date) -> dict[tuple[Key, str], Decimal]:
        gone = {i.reference for i in self.data.invoices if i.kind == "reversal" and i.posted <= on}
        left = {
            (invoice.key, part.number): part.amount
            for invoice in self.data.invoices
            for part in invoice.instalments
            if invoice.posted <= on and invoice.key not in gone
        }
        for row in self._effective(on):
            left[row.item, row.instalment] -= row.amount
            if row.source and row.source[0] == "credit_memo":
                left[row.source[1], "1"] += row.taken
        return {key: amount for key, amount in left.items() if amount}

    def unapplied(self, on: date) -> dict[Key, Decimal]:
        left = {p.key: p.amount for p in self.data.payments if p.posted <= on and not (p.returned and p.returned <= on)}
        for row in self._effective(on):
            if row.source and row.source[0] == "payment":
                left[row.source[1]] -= row.taken
        return {key: amount for key, amount in left.items() if amount}

    def balance(self, on: date) -> dict[str, Decimal]:
        """By currency: documents less payments, discounts and write-offs; what pays across moves between the two."""
        sums = {"CNY": ZERO, "USD": ZERO}
        for invoice in self.data.invoices:
            if invoice.posted <= on:
                sums[invoice.currency] += invoice.net
        for payment in self.data.payments:
            if payment.posted <= on and not (payment.returned and payment.returned <= on):
                sums[payment.currency] -= payment.amount
        for row in self._effective(on):
            source = self._currency(row.source) if row.source else ""
            target = self._invoice(row.item).currency
            if row.kind in ("discount", "write_off") or source != target:
                sums[target] -= row.amount
                sums[source or target] += row.taken
        return sums

    def _effective(self, on: date) -> Iterator[ApplicationData]:
        return (row for row in self.data.applications if row.on <= on and not (row.undone and row.undone <= on))

    # -- a day's work --------------------------------------------------------------------------------------------

    def work(self, actions: int) -> None:
        for _ in range(actions):
            self.day += timedelta(days=self.random.choice((0, 0, 1, 1, 5)))
            action = self.random.choice(
                [self.invoice, self.invoice, self.pay, self.pay, self.apply, self.apply, self.apply, self.write_off,
                 self.undo, self.return_payment, self.reverse, self.credit_memo]
            )  # fmt: skip
            action()

    def invoice(self, sign: int = 1, kind: str = "invoice") -> None:
        parts = [
            Decimal(self.random.randrange(1, 60)) * sign for _ in range(self.random.randrange(1, 4) if sign > 0 else 1)
        ]
        total, currency = sum(parts, ZERO), self.random.choice(("CNY", "CNY", "USD"))
        key = ("CN01", f"I{len(self.data.invoices)}")
        posted = self.day - timedelta(days=self.random.choice((0, 0, 0, 3)))
        instalments = [InstalmentData(str(n), "trade", posted, posted, part) for n, part in enumerate(parts, 1)]
        self.data.invoices.append(InvoiceData(
            key, kind, "CN01", self.random.choice(("K1", "K2")), posted, posted, self.day, currency,
            Decimal("7.1") if currency == "USD" else Decimal(1), total, ZERO, "N30", instalments=instalments,
        ))  # fmt: skip

    def credit_memo(self) -> None:
        self.invoice(-1, "credit_memo")

    def pay(self) -> None:
        key = ("CN01", f"P{len(self.data.payments)}")
        kind = self.random.choice(("receipt", "receipt", "advance", "bill"))
        posted = self.day - timedelta(days=self.random.choice((0, 0, 0, 2)))
        payment = PaymentData(
            key, kind, "CN01", self.random.choice(("K1", "K2")), posted, posted, self.day, self.random.choice(("CNY",
            "CNY", "USD")),
            Decimal(7), Decimal(self.random.randrange(1, 120)), key[1],
            posted + timedelta(days=9) if kind == "bill" else None,
        )  # fmt: skip
        self.data.payments.append(payment)
        for _ in range(self.random.randrange(3)):
            self.apply(payment, posted)

    def apply(self, payment: PaymentData | None = None, on: date | None = None) -> None:
        """A payment or a credit memo settles an item, in full or in part, now and then with a discount."""
        targets = [key for key, left in self.item_rests(self.day).items() if left > 0]
        source, left = self._source(payment)
        if not targets or left <= 0 or source is None:
            return
        target = self.random.choice(targets)
        rest = self.item_rests(self.day)[target]
        amount = self.random.choice(
            [min(left, rest), min(left, rest), Decimal(self.random.randrange(1, int(min(left, rest)) + 1))]
        )
        on = on if on and self._invoice(target[0]).entered <= on else self.day
        taken = amount if self._currency(source) == self._invoice(target[0]).currency else self._across(amount, left)
        self._add("credit" if source[0] == "credit_memo" else "payment", on, source, taken, target, amount)
        if source[0] == "payment" and rest > amount and self.random.random() < 0.3:
            self._add("discount", on, source, ZERO, target, min(rest - amount, Decimal(2)))

    def _source(self, payment: PaymentData | None) -> tuple[tuple[str, Key] | None, Decimal]:
        left = {("payment", key): amount for key, amount in self.unapplied(self.day).items()}
        if payment:
            return ("payment", payment.key), left.get(("payment", payment.key), ZERO)
        credits = {
            ("credit_memo", key): -amount for (key, _), amount in self.item_rests(self.day).items() if amount < 0
        }
        sources = [*left.items(), *credits.items()]
        return self.random.choice(sources) if sources else (None, ZERO)

    def _across(self, amount: Decimal, left: Decimal) -> Decimal:
        """What the source gives in its own currency."""
        return min(left, Decimal(self.random.randrange(1, int(amount) + 5)))

    def _invoice(self, key: Key) -> InvoiceData:
        return next(invoice for invoice in self.data.invoices if invoice.key == key)

    def _currency(self, source: tuple[str, Key]) -> str:
        if source[0] == "payment":
            return next(payment.currency for payment in self.data.payments if payment.key == source[1])
        return self._invoice(source[1]).currency

    def _add(
        self,
        kind: str,
        on: date,
        source: tuple[str, Key] | None,
        taken: Decimal,
        target: tuple[Key, str],
        amount: Decimal,
    ) -> None:
        key = f"A{len(self.data.applications):03}"
        self.data.applications.append(ApplicationData(key, kind, "CN01", on, None, source, taken, *target, amount))

    def write_off(self) -> None:
        targets = [(key, left) for key, left in self.item_rests(self.day).items() if left > 0]
        if targets:
            target, left = self.random.choice(targets)
            self._add("write_off", self.day, None, ZERO, target, min(left, Decimal(self.random.randrange(1, 9))))

    # -- taking back ---------------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Reset an application of an earlier day; a discount goes with its payment."""
        live = [
            row
            for row in self.data.applications
            if not row.undone and row.on < self.day and self._known(row) < self.day
        ]
        if live:
            row = self.random.choice(live)
            for other in live:
                if other is row or (other.source, other.item, other.instalment, other.on) == (
                    row.source,
                    row.item,
                    row.instalment,
                    row.on,
                ):
                    other.undone = self.day

    def _known(self, row: ApplicationData) -> date:
        """The day on which an application could be booked."""
        entered = [self._invoice(row.item).entered, row.on]
        if row.source and row.source[0] == "payment":
            entered += [payment.entered for payment in self.data.payments if payment.key == row.source[1]]
        elif row.source:
            entered.append(self._invoice(row.source[1]).entered)
        return max(entered)

    def return_payment(self) -> None:
        held = [
            p
            for p in self.data.payments
            if not p.returned and p.entered < self.day and not (p.maturity and p.maturity < self.day)
        ]
        if not held:
            return
        payment = self.random.choice(held)
        own = [row for row in self.data.applications if row.source == ("payment", payment.key) and not row.undone]
        if all(self._known(row) < self.day for row in own):
            payment.returned = self.day
            for row in own:
                row.undone = self.day

    def reverse(self) -> None:
        """Reverse an invoice nothing is applied to; sometimes dated back to its own day."""
        used = {row.item for row in self.data.applications if not row.undone or row.undone >= self.day}
        used |= {
            row.source[1] for row in self.data.applications if row.source and (not row.undone or row.undone >= self.day)
        }
        touched = {row.item for row in self.data.applications} | {
            row.source[1] for row in self.data.applications if row.source
        }
        reversed_ = {invoice.reference for invoice in self.data.invoices}
        free = [
            i
            for i in self.data.invoices
            if i.kind != "reversal" and i.key not in used | reversed_ and i.entered < self.day
        ]
        if free:
            invoice = self.random.choice(free)
            posted = self.day if invoice.key in touched or self.random.random() < 0.7 else invoice.posted
            self.data.invoices.append(InvoiceData(
                ("CN01", f"R{len(self.data.invoices)}"), "reversal", "CN01", invoice.partner, posted, posted,
                self.day, invoice.currency,
                invoice.rate, -invoice.net, ZERO, "N30", invoice.key,
            ))  # fmt: skip
