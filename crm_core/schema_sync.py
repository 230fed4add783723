"""Tables of the traffic with ERPs: decisions under way, how far reads have come, what failed, runs."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, UniqueConstraint

from crm_core.schema_types import Json, Stamp, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("key", Text, primary_key=True),  # what the ERP document bears, e.g. CT7-Q000123
    Column("version", Integer, primary_key=True),
    Column("system", Text, nullable=False),
    Column("obj", Text, nullable=False),
    Column("action", Text, nullable=False),  # create, change, cancel
    Column("crm_id", Text, nullable=False),
    Column("after_key", Text, nullable=False),  # waits until every entry of that key is sent
    Column("state", Text, nullable=False),  # pending, unknown, sent, review, dead
    Column(
        "step", Text, nullable=False, server_default=""
    ),  # what is next: finish (the document is there); empty: send
    Column("document", Json, nullable=False),  # the decision, in our words
    Column("wire", Json),  # frozen at the first attempt, with the mapping version
    Column("mapping_version", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_sent_at", Stamp),
    Column("due_at", Stamp, nullable=False),
    Column("lease_owner", Text, nullable=False),
    Column("lease_token", Integer, nullable=False),
    Column("lease_until", Stamp),
    Column("reason", Json),  # code and params of why it is not sent
    Column("created_at", Stamp, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("settled_at", Stamp),
    Index(None, "system", "state", "due_at"),
)
outbox_attempt = Table(
    "outbox_attempt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("lease_token", Integer, nullable=False),
    Column("started_at", Stamp, nullable=False),
    Column("finished_at", Stamp),
    Column("outcome", Text, nullable=False),  # empty while under way
    Column("detail", Json),
    Index(None, "key", "version"),
)
watermark = Table(  # up to which stamp a read is safely stored
    "watermark",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("read", Text, primary_key=True),
    Column("stamp", Text, nullable=False),
    Column("mapping_version", Text, nullable=False),  # another version reads everything again
    Column("run_id", Text, nullable=False),
    Column("moved_at", Stamp, nullable=False),
)
resume_position = Table(  # how far an unfinished read has come; gone when it ends
    "resume_position",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("read", Text, primary_key=True),
    Column("since", Text, nullable=False),
    Column("stamp", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("read_from", Stamp, nullable=False),  # the ERP's clock when the read began: the watermark's cap
    Column("mapping_version", Text, nullable=False),
)
path_fill = Table(  # how often a mapped source path was filled in the newest rows: what empties at once was renamed
    "path_fill",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("read", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("filled", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
)
dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("system", Text, nullable=False),
    Column("obj", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("params", Json, nullable=False),
    Column("payload", Json),  # masked by field class
    Column("mapping_version", Text, nullable=False),
    Column("state", Text, nullable=False),  # open, replayed, discarded
    Column("times", Integer, nullable=False),
    Column("first_seen", Stamp, nullable=False),
    Column("last_seen", Stamp, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("closed_why", Text, nullable=False),
    UniqueConstraint("system", "obj", "direction", "key"),
)
run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("system", Text, nullable=False),
    Column("obj", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("started_at", Stamp, nullable=False),
    Column("finished_at", Stamp),
    Column("state", Text, nullable=False),  # running, done, failed, held
    Column("counts", Json, nullable=False),
    Column("error", Json),
    Column("erp_time", Stamp),
    Column("part", Text, nullable=False, server_default=""),  # of a backfill; empty: the whole object
    Column("owner", Text, nullable=False, server_default=""),  # host and process
    Column("lease_until", Stamp),  # while it runs; renewed by its heartbeat
    Column("prefect_run", Text, nullable=False, server_default=""),
    Index(None, "system", "obj", "started_at"),
    Index(None, "state", "lease_until"),
)
run_lease = Table(  # which run alone may pull an object, or a part of it; an empty run_id: none
    "run_lease",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("token", Integer, nullable=False),  # rises with every holder
    Column("run_id", Text, nullable=False),
)
backfill = Table(  # the newest first read of an object in parts; it is open until finished_at
    "backfill",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("read", Text, nullable=False),
    Column("covers", Json, nullable=False),  # names of reads that need no first run of their own then
    Column("by", Text, nullable=False),  # company, date; empty: in one part
    Column("mapping_version", Text, nullable=False),
    Column("planned_at", Stamp, nullable=False),
    Column("finished_at", Stamp),
)
backfill_part = Table(
    "backfill_part",
    metadata,
    Column("system", Text, primary_key=True),
    Column("obj", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("bounds", Json, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("stamp", Text, nullable=False),  # how far it has come: the resume position
    Column("key", Text, nullable=False),
    Column("newest", Text, nullable=False),  # the newest stamp seen
    Column("read_from", Stamp),  # the ERP's clock when its read began
    Column("records", Integer, nullable=False),
)
call_quota = Table(  # calls that all workers together may make to a resource in a minute
    "call_quota",
    metadata,
    Column("system", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("taken", Json, nullable=False),  # microseconds since 1970 of the newest calls, the oldest first
)
