"""English texts of what stops a flow; the catalogues under locale/ translate them."""

MESSAGES: dict[str, str] = {
    "unknown-object": "{system} has no object '{object}'. It has: {objects}.",
    "path-emptied": "{system}/{object}: {paths} used to be filled and is empty in a whole page: the ERP changed or renamed it. Nothing of this page was stored. Correct the mapping, or run again with --approve if it is meant to be empty.",
    "too-many-rejects": "{system}/{object}: {rejected} of {read} records were rejected, most often '{cause}'. The mapping is broken, not the data: the run was stopped. Correct the mapping and run again, or run again with --approve.",
    "too-many-removals": "{system}/{object}: {count} records would be removed because the ERP no longer has them (the guard is {guard}). Nothing was removed. Look at them in the ERP, then run again with --approve.",
    "no-record": "{system}/{object} has no record '{key}'.",
    "already-running": "{system}/{object} is being worked on already, by {owner} since {since}. Nothing needs to be done: wait until it has ended. Should its process be dead, the place is free {seconds} s after its last sign of life.",
    "backfill-open": "{system}/{object}: a backfill reads everything for the first time, {done} of {parts} parts are done. A pull goes on when it has ended. `crosstie backfill {system} {object}` works on it; with --abandon it is given up.",
    "no-part": "The backfill of {system}/{object} has no part '{part}'. `crosstie backfill {system} {object} --plan` names them.",
    "bad-split": "A backfill is split by company or by date, not by '{value}'.",
    "bad-step": "'{value}' is no length of a part. Choose month, week or a number of days, at most {most}.",
    "bad-day": "A backfill cannot be split on {value}. Choose a day from {first} to {last}; what is older or younger is read too.",
    "bad-range": "The first day {first} is not before the last {last}. Correct --from or --to.",
}
