"""English texts of what stops a flow; the catalogues under locale/ translate them."""

MESSAGES: dict[str, str] = {
    "unknown-object": "{system} has no object '{object}'. It has: {objects}.",
    "path-emptied": "{system}/{object}: {paths} used to be filled and is empty in a whole page: the ERP changed or renamed it. Nothing of this page was stored. Correct the mapping, or run again with --approve if it is meant to be empty.",
    "too-many-rejects": "{system}/{object}: {rejected} of {read} records were rejected, most often '{cause}'. The mapping is broken, not the data: the run was stopped. Correct the mapping and run again, or run again with --approve.",
    "too-many-removals": "{system}/{object}: {count} records would be removed because the ERP no longer has them (the guard is {guard}). Nothing was removed. Look at them in the ERP, then run again with --approve.",
    "no-record": "{system}/{object} has no record '{key}'.",
}
