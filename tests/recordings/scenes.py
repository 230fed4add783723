"""What is recorded of a product: one call of its connector a scene."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from tests.products import PRODUCTS
from tests.recordings import book, decisions
from tests.recordings.recording import EXPIRED, RATE_LIMITED, REFUSED
from tests.recordings.taking import Call, Taking

KEY, REFUSED_KEY = "CT7-Q000123", "CT7-Q000124"
LOOKED_UP = "open_items"
WINDOW = f"{book.TODAY - timedelta(days=13)}T00:00:00.000000Z"
RETRY_AFTER_S = 7


@dataclass(frozen=True)
class Expiry:
    """What expires, where a system has to log on otherwise for that, and whether only writes bear it."""

    fault: str = "expired_token"
    auth: str = ""
    writes: bool = False


EXPIRY = {
    "sap/s4": Expiry(writes=True),
    "oracle/fusion": Expiry(auth="oauth2"),
    "kingdee/galaxy": Expiry("expired_session", auth="password"),
}


def play(taking: Taking) -> None:
    """Writes go first: what is read then bears our keys."""
    writes(taking)
    taking.studio.stir()
    for obj in taking.tenant.product.resources:
        pulls(taking, obj)
    looked_up(taking)
    taking.save()


def writes(taking: Taking) -> None:
    """An order of a customer, who is blocked before the next one."""
    [buyer], goods = taking.known("customers", name=book.MILL_NAME), taking.known("products")
    taking.decide("orders", decisions.order(buyer, goods))
    known, expiry = PRODUCTS[taking.product], EXPIRY.get(taking.product, Expiry())
    find: Call = {"do": "find", "object": "orders", "key": KEY}
    push: Call = {"do": "push", "object": "orders", "key": KEY}
    taking.take("orders.find-none", find)
    if expiry.writes:
        expired = {"fault": expiry.fault, "match": {**known.create, "nth": 1}}
        taking.take("orders.push", {**push, "meets": EXPIRED}, expired)
    else:
        taking.take("orders.push", push)
    taking.take("orders.find", find)
    again: Call = {**push, "key": REFUSED_KEY, "meets": REFUSED}
    with taking.studio.blocked(book.MILL):
        taking.take("orders.push-refused", again)
    if known.final_200:
        refused = {"fault": "refused_200", "match": {**known.create, "nth": 1}}
        taking.take("orders.push-refused-inside-200", again, refused)


def pulls(taking: Taking, obj: str) -> None:
    """Every read: the first from the beginning, later ones that keep a watermark for the last days."""
    for turn, read in enumerate(taking.tenant.reads(obj)):
        call: Call = {"do": "pull", "object": obj, "read": read.name}
        if turn:
            taking.take(f"{obj}.{read.name}", {**call, **({"since": WINDOW} if read.watermark else {})})
        else:
            met, faults = weather(taking, call) if obj in ("orders", "products") else ({}, [])
            taking.take(f"{obj}.{read.name}", {**call, **met}, *faults)


def weather(taking: Taking, call: Call) -> tuple[Call, list[Call]]:
    """Orders come in pages, and between the first two a token expires; products are asked for too soon."""
    here = {"path": f"{re.escape(taking.listing(call))}$"}
    if call["object"] == "products":
        fault = {"fault": "rate_limited", "retry_after": RETRY_AFTER_S, "match": {**here, "nth": 1}}
        return {"meets": RATE_LIMITED}, [fault]
    few, expiry = {"fault": "page_limit", "n": 3}, EXPIRY.get(taking.product, Expiry())
    if expiry.writes:
        return {}, [few]
    auth = {"auth": expiry.auth} if expiry.auth else {}
    return {**auth, "meets": EXPIRED}, [few, {"fault": expiry.fault, "match": {**here, "nth": 2}}]


def looked_up(taking: Taking) -> None:
    """A record that is there, and one that is not: with another digit in its key's first number."""
    keys = list(taking.records[LOOKED_UP])
    absent = (re.sub(r"\d(?=\D|$)", digit, keys[0], count=1) for digit in "9876543210")
    asked = [keys[0], next(key for key in absent if key not in keys)]
    taking.take(f"{LOOKED_UP}.lookup", {"do": "lookup", "object": LOOKED_UP, "keys": asked})
