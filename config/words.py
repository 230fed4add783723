"""The names of things as people of the field say them; what is stored and printed as JSON stays English."""

from __future__ import annotations

from config.texts import N_

OBJECTS = {
    "customers": N_("customers"),
    "products": N_("products"),
    "prices": N_("prices"),
    "orders": N_("orders"),
    "deliveries": N_("deliveries"),
    "invoices": N_("invoices"),
    "open_items": N_("open items"),
    "payments": N_("payments"),
    "applications": N_("applications of payments"),
    "contracts": N_("contracts"),
    "outbox": N_("outbox"),
    "quotes": N_("quotes"),
}
STATES = {
    # outbox entries
    "pending": N_("pending"),
    "sent": N_("sent"),
    "unknown": N_("unknown"),
    "review": N_("needs review"),
    "dead": N_("dead"),
    "lost": N_("taken over"),
    # runs
    "running": N_("running"),
    "done": N_("done"),
    "failed": N_("failed"),
    "held": N_("held"),
    "interrupted": N_("interrupted"),
    # dead letters
    "replayed": N_("replayed"),
    "discarded": N_("discarded"),
    # credit checks
    "not_checked": N_("not checked"),
    "passed": N_("passed"),
    "blocked": N_("blocked"),
    "partly_released": N_("partly released"),
    "released": N_("released"),
    # quotes and orders
    "draft": N_("draft"),
    "accepted": N_("accepted"),
    "cancelled": N_("cancelled"),
    "open": N_("open"),
    "incomplete": N_("incomplete"),
    "credit_hold": N_("credit hold"),
    "approval": N_("awaiting approval"),
    "complete": N_("complete"),
    # contracts
    "active": N_("active"),
    "closed": N_("closed"),
}
BASES = {
    "order": N_("order"),
    "delivery": N_("delivery"),
    "invoice": N_("invoice"),
    "acceptance": N_("acceptance"),
}
ACTIONS = {"create": N_("create"), "change": N_("change"), "cancel": N_("cancel")}
DIRECTIONS = {
    "pull": N_("pull"),
    "backfill": N_("backfill"),
    "push": N_("push"),
    "replay": N_("replay"),
    "reconcile": N_("reconcile"),
}
STAGES = {
    "quoted": N_("quoted"),
    "accepted": N_("accepted"),
    "sent": N_("sent"),
    "ordered": N_("ordered"),
    "credit": N_("credit check"),
    "picked": N_("picked"),
    "part-shipped": N_("part-shipped"),
    "shipped": N_("shipped"),
    "invoiced": N_("invoiced"),
    "paid": N_("paid"),
    "changed": N_("changed"),
    "cancelled": N_("cancelled"),
}
DIFFERENCES = {
    "missing_in_crm": N_("missing in the CRM"),
    "missing_in_erp": N_("missing in the ERP"),
    "amount": N_("amount differs"),
    "company": N_("company differs"),
    "customer": N_("customer differs"),
    "currency": N_("currency differs"),
    "cleared": N_("open or cleared differs"),
    "sum": N_("sum differs"),
    "balance": N_("balance differs"),
}
AGES = ((86400, N_("{count} d")), (3600, N_("{count} h")), (60, N_("{count} min")), (1, N_("{count} s")))
"""Units of an age, the largest first, in seconds."""
COUNTS = {
    "read": N_("read"),
    "created": N_("created"),
    "updated": N_("updated"),
    "unchanged": N_("unchanged"),
    "rejected": N_("rejected"),
    "removed": N_("removed"),
    "stale": N_("outdated"),
    "sent": N_("sent"),
    "pending": N_("pending"),
    "unknown": N_("unknown"),
    "review": N_("needs review"),
    "dead": N_("dead"),
    "lost": N_("taken over"),
    "compared": N_("compared"),
    "differences": N_("differences"),
}
"""What a run counts."""

OF_THE_OPERATING_SYSTEM = (  # what it says why a file can't be had: `why` of our messages
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Operation not permitted"),
    N_("File exists"),
    N_("Is a directory"),
    N_("Not a directory"),
    N_("File name too long"),
    N_("No space left on device"),
    N_("Disk quota exceeded"),
    N_("Read-only file system"),
    N_("Too many open files"),
    N_("Input/output error"),
    N_("Device or resource busy"),
)
