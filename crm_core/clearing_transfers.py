"""Take transfers out of the flows: what a document only passes on goes straight from its source to its target."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from crm_core.clearing_book import Book, document_of
from crm_core.clearing_flows import PASSING, Flow


class Straightened(NamedTuple):
    """Flows between items and payments, and the lines of transfers that remain accounts of their own."""

    flows: list[Flow]
    accounts: list[str]


@dataclass(slots=True)
class _Net:
    """The flows, found by either end."""

    flows: dict[int, Flow] = field(default_factory=dict)
    at: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    next: int = 0

    def add(self, flow: Flow) -> None:
        if flow.giver != flow.taker:
            self.flows[self.next] = flow
            self.at[flow.giver].add(self.next)
            self.at[flow.taker].add(self.next)
            self.next += 1

    def take(self, key: str) -> list[Flow]:
        """Remove and return the flows at an account, in the order in which they came."""
        taken = []
        for number in sorted(self.at.pop(key, ())):
            flow = self.flows.pop(number)
            self.at[flow.taker if flow.giver == key else flow.giver].discard(number)
            taken.append(flow)
        return taken

    def of(self, key: str) -> Iterator[Flow]:
        return (self.flows[number] for number in self.at.get(key, ()))

    def rename(self, key: str, other: str) -> None:
        for flow in self.take(key):
            self.add(flow._replace(giver=other) if flow.giver == key else flow._replace(taker=other))


def straighten(book: Book, flows: Iterable[Flow], customers: Mapping[str, str]) -> Straightened:
    """`customers` leads from the key of an item or payment to the account it stands on."""
    net = _Net()
    for flow in flows:
        net.add(flow)
    bills = {key for key in book.kept if book.lines[key].role == "bill"}
    documents: dict[str, list[str]] = defaultdict(list)
    for key in book.kept:
        if book.lines[key].role in PASSING:
            documents[document_of(key)].append(key)
    accounts: list[str] = []
    for document in sorted(documents, key=lambda name: (book.lines[documents[name][0]].posting_date, name)):
        accounts += _take_out(book, net, document, documents[document], bills, customers)
    for key in bills:
        net.take(key)
    return Straightened(list(net.flows.values()), accounts)


def _take_out(
    book: Book, net: _Net, document: str, lines: list[str], bills: set[str], customers: Mapping[str, str]
) -> list[str]:
    """Take a document's lines out of the net; returns those that stay accounts."""
    passing: list[str] = []
    staying: list[str] = []
    for key in lines:
        if any(flow.giver in bills or flow.taker in bills for flow in net.of(key)):
            net.take(key)  # a bill collected: no receivable moves
        else:
            (passing if _passes_all(book, net, key) else staying).append(key)
    received, given = _legs(net, passing)
    rest_received, rest_given = _join(net, document, received, given)
    stood_in = _stand_ins(book, net, document, staying, rest_received, rest_given, customers)
    for leg in (*rest_received, *rest_given):
        net.add(leg)
    return [key for key in staying if key not in stood_in]


def _passes_all(book: Book, net: _Net, key: str) -> bool:
    """Whether the line is settled in full from its posting to its end, so that it never stands for anything."""
    line, life = book.lines[key], book.life(key)
    sides = [(flow.taker == key, flow.amount, (flow.start, flow.end)) for flow in net.of(key)]
    return all(takes == (line.amount > 0) and span == life for takes, _, span in sides) and sum(
        amount for _, amount, _ in sides
    ) == abs(line.amount)


def _legs(net: _Net, passing: list[str]) -> tuple[list[Flow], list[Flow]]:
    """Flows into and out of the document, its own lines cut off; what it pays itself is gone."""
    received, given = [], []
    inside = set(passing)
    for key in passing:
        for flow in net.take(key):
            if flow.giver in inside and flow.taker in inside:
                continue
            if flow.taker == key:
                received.append(flow._replace(taker=""))
            else:
                given.append(flow._replace(giver=""))
    return received, given


def _join(net: _Net, document: str, received: list[Flow], given: list[Flow]) -> tuple[list[Flow], list[Flow]]:
    """Make one flow of what came in and what went out; returns what has no other side within the document."""
    queues = [deque(_plain(legs)) for legs in (received, given)]
    incoming, outgoing = queues
    while incoming and outgoing:
        came, went = incoming.popleft(), outgoing.popleft()
        amount = min(came.amount, went.amount)
        net.add(came._replace(taker=went.taker, amount=amount, origin=document, mark="transfer"))
        for queue, leg in ((incoming, came), (outgoing, went)):
            if leg.amount > amount:
                queue.appendleft(leg._replace(amount=leg.amount - amount))
    return [*incoming, *_special(received)], [*outgoing, *_special(given)]


def _plain(legs: list[Flow]) -> list[Flow]:
    return [leg for leg in legs if not leg.kind]


def _special(legs: list[Flow]) -> list[Flow]:
    return [leg for leg in legs if leg.kind]


def _stand_ins(
    book: Book,
    net: _Net,
    document: str,
    staying: list[str],
    received: list[Flow],
    given: list[Flow],
    customers: Mapping[str, str],
) -> set[str]:
    """Lines that carry on another account: money put back on account stays its payment's, not a new one.

    A debit does so only when its document was reversed: then it is the trace of a settlement that the ERP has
    forgotten.
    """
    found = set()
    for legs, end, side in ((received, "giver", -1), (given, "taker", 1)):
        if side == 1 and document not in book.reversed_on:
            continue
        lines = [key for key in staying if book.lines[key].amount * side > 0]
        whole = _single_end(legs, end)
        if len(lines) == 1 and whole and _fits(book, lines[0], whole, legs, customers):
            net.rename(lines[0], whole)
            legs.clear()
            found.add(lines[0])
    return found


def _single_end(legs: list[Flow], end: str) -> str:
    ends = {getattr(leg, end) for leg in legs}
    return ends.pop() if len(ends) == 1 and not any(leg.kind for leg in legs) else ""


def _fits(book: Book, key: str, account: str, legs: list[Flow], customers: Mapping[str, str]) -> bool:
    line = book.lines[key]
    amount = sum((leg.amount for leg in legs), Decimal(0))
    return (
        line.role == "transfer"
        and amount == abs(line.amount)
        and not line.discount
        and customers.get(account) == line.customer_key
    )
