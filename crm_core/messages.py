"""English texts of every error of the CRM; the catalogues under locale/ translate them."""

MESSAGES: dict[str, str] = {
    # database
    "database-read-only": "The database {place} cannot be written. Give this user write permission on it and on its folder, or point CROSSTIE_DATABASE_URL elsewhere.",
    "database-unreachable": "The database {place} cannot be opened: {why}. Check CROSSTIE_DATABASE_URL, CROSSTIE_HOME and the folder's permissions.",
    "database-busy": "The database {place} was busy for {seconds} s. Stop the other process that writes to it, or try again.",
    "database-full": "The disk that holds the database {place} is full. Free some space; nothing was half-written.",
    "database-old": "The database {place} is of version {found}, this program needs {needed}. Run `crosstie db upgrade`.",
    "database-new": "The database {place} was written by a newer program (version {found}, this one knows {needed}). Upgrade this program.",
    "lease-lost": "{key} version {version} is held by somebody else now; nothing was written.",
}
MESSAGES |= {
    # intake of a mapped record
    "missing-field": "{field} is missing. Map it, give it a default in the mapping, or fill it in the ERP; then replay the record.",
    "invalid-value": "{field} has the value '{value}' ({why}). Correct the mapping or the record in the ERP; then replay it.",
    "unknown-currency": "{field} is '{value}', which is no ISO 4217 currency. Add it to the mapping's code table or correct the record in the ERP; then replay it.",
}
