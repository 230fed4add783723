"""English texts of every error of the CRM; the catalogues under locale/ translate them."""

MESSAGES: dict[str, str] = {
    # database
    "database-read-only": "The database {place} cannot be written. Give this user write permission on it and on its folder, or point CROSSTIE_DATABASE_URL elsewhere.",
    "database-unreachable": "The database {place} cannot be opened: {why}. Check CROSSTIE_DATABASE_URL, CROSSTIE_HOME and the folder's permissions.",
    "database-url": "CROSSTIE_DATABASE_URL is no address of a database. Write it like sqlite:////path/to/crosstie.sqlite or postgresql://user@host/name.",
    "database-broken": "{place} is damaged or is no database. Put a backup in its place, or move it away to start with an empty one.",
    "database-busy": "The database {place} was busy for {seconds} s. Stop the other process that writes to it, or try again.",
    "database-full": "The disk that holds the database {place} is full. Free some space; nothing was half-written.",
    "database-old": "The database {place} is of version {found}, this program needs {needed}. Run `crosstie db upgrade`.",
    "database-new": "The database {place} was written by a newer program (version {found}, this one knows {needed}). Upgrade this program.",
    "database-missing": "There is no database at {place} yet. The first pull makes it, or `crosstie db upgrade`.",
    "lease-lost": "{key} version {version} is held by somebody else now; nothing was written.",
}
MESSAGES |= {
    # a database server
    "database-absent": "The server has no database {place}. Create it (`createdb`), then run `crosstie db upgrade`.",
    "database-login": "The server of {place} lets nobody in under that name: {why}. Correct user and password in CROSSTIE_DATABASE_URL, or the server's pg_hba.conf.",
    "database-rights": "The database {place} does not allow that: {why}. Make this user its owner, or grant him the right.",
    "database-crowded": "The server of {place} takes no more connections. Raise its max_connections, or run fewer workers.",
    "database-slow": "The database {place} did not finish a statement within {seconds} s. Look for what keeps the server busy, then try again.",
    "database-lost": "The connection to the database {place} broke. The step at hand was not stored, unless that was just being confirmed; run it again.",
    "database-conflict": "Two programs changed the same rows of {place} at once. Nothing of this one was stored; run it again.",
    "database-text": "A text holds a NUL character, which {place} cannot keep. Remove it.",
    "database-schema": "The database {place} has no schema for our tables: {why}. Create the one that its search_path names, and let this user use it and create in it.",
    "database-encoding": "The database {place} keeps text as {encoding}, which cannot hold every name. Create it with UTF-8: `createdb --encoding=UTF8 --template=template0 {name}`.",
    "database-depended-on": "Something in {place} that is not ours hangs on our tables: {why}. Drop it (a view of a reporting tool, say), do this again, then make it anew. Nothing was changed.",
    "version-unknown": "The tables of {place} cannot go back to version '{version}'. They can go to: {known}.",
}
MESSAGES |= {
    # intake of a mapped record
    "missing-field": "{field} is missing. Map it, give it a default in the mapping, or fill it in the ERP; then replay the record.",
    "invalid-value": "{field} has the value '{value}' ({why}). Correct the mapping or the record in the ERP; then replay it.",
    "unstorable-text": "{field} holds the character {character}, which no database keeps. Remove it in the ERP, or by the mapping; then replay the record.",
    "unknown-currency": "{field} is '{value}', which is no ISO 4217 currency. Add it to the mapping's code table or correct the record in the ERP; then replay it.",
    "two-ways": "{system} says in two ways what was paid, and it would count twice. Let its mapping fill either `applications`, or `balance` of open items and payments, or the fields of clearing; then read everything again (`crosstie pull {system} --full`).",
}
MESSAGES |= {
    # services: access, installation, outbox, dead letters
    "access-denied": "{actor} may not do this ({action}). It takes one of these roles: {roles}. Ask an admin.",
    "no-installation": "This database belongs to no installation yet. Run `crosstie db upgrade`.",
    "prefix-unfit": "The key prefix '{prefix}' does not fit: 2 to 8 capital letters and digits, a letter first. Choose another one.",
    "key-unfit": "The key '{key}' cannot stand in an ERP field: at most {limit} visible ASCII characters. Give the record a shorter number without other letters.",
    "other-environment": "The database belongs to environment '{database}', the system file to '{system}'. Use the system file of this environment, or correct its `environment`.",
    "disarmed": "Environment '{environment}' is disarmed: a person forbade it to write to ERPs. `crosstie systems arm` allows it again.",
    "disarmed-restored": "Environment '{environment}' was restored from a backup, so nothing is written to an ERP: what was sent since must be found first. Run `crosstie systems adopt SYSTEM` for every system, then `crosstie systems arm`.",
    "disarmed-copied": "This database (environment '{environment}') is a copy, or was moved to another machine, so nothing is written to an ERP. If it takes the original's place, run `crosstie systems adopt SYSTEM` for every system, then `crosstie systems arm`; else leave it as it is.",
    "disarmed-put-back": "This database (environment '{environment}') lacks what it once held: an older state was put back, so nothing is written to an ERP. Run `crosstie systems adopt SYSTEM` for every system, then `crosstie systems arm`.",
    "adoption-needed": "Not asked yet since the copy or restore: {systems}. Documents sent meanwhile would be sent again. Run `crosstie systems adopt {first}` first, or `crosstie systems arm --unchecked REASON` if no document of ours can be there.",
    "lease-short": "The lease on {key} version {version} ends before the send could; nothing was sent. The next run takes it up.",
    "no-entry": "The outbox has no entry {key} version {version}. `crosstie outbox list` shows what there is.",
    "entry-sent": "{key} version {version} is sent already, as ERP document {external_id}. Change the quote to change that document.",
    "entry-replaced": "{key} version {version} needs no resend: version {later} says everything anew. Settle that one.",
    "key-known": "The outbox knows {key} already. Settle that entry instead (`crosstie outbox settle`).",
    "settle-choice": "Say one thing about {key}: the ERP document it became, or resend, or dead.",
    "reason-needed": "Say why, for the audit: {what} is settled by a person's decision.",
    "sent-with-warnings": "The ERP took it and says: {warnings}",
    "nothing-to-cancel": "{key} never became an ERP document, so there is nothing to cancel there.",
    "given-up": "Given up by a person: {why}",
    "several-documents": "The ERP has several documents under {key}: {documents}. Keep one, remove our key from the others there, then settle the entry.",
    "document-differs": "The ERP document {documents} bears {key} but differs in customer, currency or total. Compare the two, then settle the entry.",
    "no-dead-letter": "There is no dead letter {id}. `crosstie dead-letters list` shows the open ones.",
    "dead-letter-closed": "Dead letter {id} is {state} already.",
}
MESSAGES |= {
    # backup and restore
    "snapshot-nothing": "The database {place} has no installation yet, so there is nothing to back up. Run `crosstie db upgrade`.",
    "snapshot-newer": "The backup was made by a newer program (tables of version {found}, this one knows {needed}). Upgrade this program; nothing was changed.",
    "snapshot-over-newer": "The tables of {place} are of a newer program (version {found}, this one knows {needed}), so it cannot tell which of them to replace. Restore into a new, empty database: name it in CROSSTIE_DATABASE_URL, or move the file of SQLite away. Nothing was changed.",
    "snapshot-tables": "The backup has no database this program knows (tables: {tables}). Nothing was changed.",
    "snapshot-row": "The backup's table {table} cannot be taken, line {line}: {why}. Nothing was changed; take another backup.",
    "database-not-empty": "The database {place} is not empty. Restore into an empty one, or say --replace: then everything in it is gone.",
    "adopt-not-taken": "The ERP document {external_id} bears {key} but could not be read into the CRM. `crosstie dead-letters list` says why; correct that, then adopt again.",
    "adopt-no-customer": "The ERP order under {key} is of the ERP customer {customer}, who could not be read into the CRM. `crosstie dead-letters list` says why; correct that, then adopt again.",
    "document-changed": "ERP document {documents} says other than what we sent last: somebody changed or cancelled it since. Compare it with its quote; `crosstie quotes amend` or `cancel` sends what shall hold.",
    "other-document": "{key} was sent as another ERP document than {documents}, which bears it too. Compare the two, and remove our key from the wrong one.",
    "database-at-work": "Somebody is at work on the database {place} ({owners}). Stop the workers, wait a minute, then restore. Nothing was changed.",
}
MESSAGES |= {
    # services: customers
    "no-customer": "There is no customer {number}. `crosstie quotes new --help` shows how customers are named.",
    "customer-nameless": "A customer needs a name.",
    "country-unknown": "'{value}' is no country code. Give two letters, such as CN or US.",
    "category-unknown": "'{value}' is no category of customer. It is organisation or person.",
    "email-invalid": "'{value}' is no mail address.",
    "phone-invalid": "'{value}' is no phone number in {country}. Give it with the country code, such as +86 138 0013 8000.",
    "tax-id-invalid": "'{value}' is no tax number of {country}: its length or check digit is wrong. Copy it from the business licence.",
    "unknown-field": "A customer has no field '{field}'. It has {known}.",
    "field-of-erp": "{field} of customer {number} is kept in {system}. Change it there; the next pull brings it (config/ownership.yaml says who owns what).",
    "customer-incomplete": "Customer {number} cannot become an ERP customer yet: {fields} missing. Fill them in.",
    "customer-join-same": "{number} is one customer already. Name the other one.",
    "customer-join-used": "{other} cannot be joined to {number}: {documents} names him, and ERP documents bear that. Join the other way round (`crosstie customers join {other} {number}`), or leave them apart.",
    "customer-in-erp": "Customer {number} is known in {system} already, as {erp_key}. Extend him to another company there.",
    "ownership-yaml": "{file} cannot be read: {why}",
    "ownership-entry": "{file}: {entry} is not known. Known are: {known}.",
    "no-mapping-version": "Version '{version}' of the mapping of {system} matches {found} published ones. `crosstie mappings history` lists them.",
}
MESSAGES |= {
    # services: quotes, and what their check finds
    "no-quote": "There is no quote {number}. `crosstie quotes list` shows what there is.",
    "quote-state": "Quote {number} is {state}; this takes one that is {needed}.",
    "quote-fixed": "{field} of quote {number} cannot change once it is accepted: an ERP order keeps it. Cancel it and make a new quote.",
    "quote-refused": "Quote {number} cannot become an order yet. {problems}",
    "quote-currency": "'{value}' is no ISO 4217 currency. Name the quote's currency, such as CNY.",
    "line-twice": "A quote names each line once; this one has {lines}.",
    "line-unfit": "The line of {product} needs a price unit above 0 and a tax rate between 0 and 100 %.",
    "plan-not-whole": "The payment plan comes to {percent} %. Its shares must be above 0 and make 100 %, its days 0 or more.",
    "plan-basis": "An instalment is due after one of {known}, not after '{basis}'.",
    "quote-empty": "Quote {number} has no line.",
    "quote-expired": "Quote {number} was valid until {until}; today is {today}. Amend it with a later date.",
    "requested-past": "The requested date {requested} is past (today is {today}).",
    "line-requested-past": "Line {line}: the requested date {requested} is past (today is {today}).",
    "text-long": "{field} '{value}' has {length} characters; an ERP order takes {limit}. Shorten it.",
    "line-text-long": "Line {line}: the text '{value}' has {length} characters; an ERP order takes {limit}. Shorten it.",
    "company-unknown": "{system} has no company {company}. Correct it, or add the company to the system's file.",
    "po-used": "The customer's order number {po} stands on quote {other} already. Is it the same order?",
    "customer-blocked": "Customer {number} is blocked for orders in company {company} of {system} (block: {why}). Ask finance.",
    "customer-held": "Orders of customer {number} in company {company} of {system} are taken but held ({why}).",
    "customer-new": "Customer {number} is not in {system} yet: he is made a customer of company {company} before the order is sent.",
    "customer-not-in-company": "Customer {number} has no account in company {company} of {system}. Ask for one, or quote from another company.",
    "currency-differs": "The quote is in {quote}, the account of customer {number} in company {company} of {system} in {account}.",
    "credit-limit": "With {open} open and {value} in this quote, customer {number} passes his limit of {limit} in company {company} of {system}: the ERP may hold the order.",
    "credit-unknown": "There is no exchange rate for {currency}, so the credit limit of customer {number} in company {company} of {system} was not checked. `crosstie receivables rates --import FILE` brings rates in.",
    "product-unknown": "Line {line}: {system} has no product {product}. Pull products, or correct the number.",
    "product-blocked": "Line {line}: product {product} is blocked for sale.",
    "unit-differs": "Line {line}: {product} is sold in {base}; this line is in '{unit}'.",
    "quantity-not-positive": "Line {line}: the quantity of {product} is {quantity}; it must be above 0.",
    "price-missing": "Line {line}: {product} has no list price of {company} in {currency} on that day. Name one.",
    "tax-missing": "Line {line}: the tax of {product} is not known, since the order was adopted from the ERP. State its rate in per cent with the change, such as `crosstie quotes amend {number} --tax {line}:13`.",
    "price-negative": "Line {line}: the price of {product} is {price}; it cannot be negative.",
}
MESSAGES |= {
    # ageing
    "bad-buckets": "'{value}' is no set of ageing buckets. Give a name ({names}) or rising days, such as 30,60,90.",
    "bad-basis": "'{value}' is nothing to count days from. Choose one of {names}.",
    "past-unknown": "{system} shows only what is open today, so nobody can tell {day}. The first day that can be told is {first}: ask for that day or a later one (`--as-of {first}`).",
}

MESSAGES |= {
    # push
    "steps-left": "The ERP has it as document {document}; steps of ours are left there (submit, approve ...). The next push takes them.",
    "commit-horizon": "Sent, not answered, and not found in the ERP yet. It is looked up again at {until} UTC and sent again only if it is still not there.",
}
MESSAGES |= {
    # services: rates, disputes, orders
    "rate-currency": "The rate of {day} names '{value}', which is no ISO 4217 currency. Correct it; no rate was stored.",
    "rate-unfit": "The rate {rate} of {day} for {pair} cannot be: it must be above 0, between two currencies. No rate was stored.",
    "rates-encoding": "{file}:{line}: this is not UTF-8. Save the file as 'CSV UTF-8'; no rate was stored.",
    "rates-csv": "{file}:{line}: this cannot be read as CSV ({why}). Save the table as CSV again; no rate was stored.",
    "rates-columns": "{file}:1: the columns are {found}. The first line must be rate_date,from_currency,to_currency,rate with commas and without further columns; no rate was stored.",
    "rates-cells": "{file}:{line}: this row has {found} cells, the first line {needed}. Correct the row; no rate was stored.",
    "rates-date": "{file}:{line}: {column} '{value}' is no date. Write it as 2026-03-31; no rate was stored.",
    "rates-code": "{file}:{line}: {column} '{value}' is no ISO 4217 currency. Write three capital letters such as USD; no rate was stored.",
    "rates-pair": "{file}:{line}: {column} '{value}' is the same currency as from_currency. Name two different ones; no rate was stored.",
    "rates-number": "{file}:{line}: {column} '{value}' is no rate. Write units of to_currency for 1 from_currency, above 0 and without separators, such as 7.1636; no rate was stored.",
    "rates-twice": "{file}:{line}: {column} '{value}' contradicts line {other}, which says {first} for the same day and pair. Remove one of them; no rate was stored.",
    "no-item": "There is no open item {key} in {system}. Pull open items, or correct the key.",
    "item-unknown": "No open item has the key, document number or reference {text}. `crosstie receivables documents` lists the open ones; pull open items, or correct it.",
    "no-dispute": "There is no dispute {id}. `crosstie receivables disputes --state all` lists them.",
    "dispute-reason": "Item {key} cannot be disputed without a reason. Say what the customer does not accept.",
    "dispute-twice": "Dispute {id} says that of item {key} already. Give another amount, day or reason if it is another dispute.",
    "dispute-dates": "Dispute {id} was opened on {opened}; it cannot be closed on {closed}.",
    "dispute-credit": "Item {key} is a credit: there is nothing to dispute.",
    "dispute-amount": "{amount} of item {key} cannot be disputed: it is over {item}, or has too many decimals.",
    "no-order": "No order, quote or customer's order number {number} is known. Pull orders, or correct the number.",
}
MESSAGES |= {
    # services: what `status --check` finds
    "status-review": "{system}: {count} outbox entries wait for a person's decision. `crosstie outbox list` names them.",
    "status-dead": "{system}: {count} outbox entries were refused or given up. `crosstie outbox list` names them.",
    "status-dead-letters": "{system}: {count} records could not be taken. `crosstie dead-letters list` says why.",
    "status-differs": "{system}: the last reconciliation found {count} differences. `crosstie reconcile {system}` names the documents.",
    "status-run": "{system}: the last pull of {obj} is {state}. `crosstie pull {system} {obj}` runs it again.",
    "status-stale": "{system}: {obj} was last read completely {age} ago. `crosstie pull {system} {obj}` reads it.",
    "status-waiting": "{system}: {count} outbox entries wait, the oldest for {age}. `crosstie push {system}` sends what is due; `crosstie outbox list` says why the rest waits.",
    "status-silent": "{system}: {count} runs call themselves running, but their process gave no sign in time. The sweep closes them; is a worker running?",
    "status-disarmed": "This database is disarmed: nothing is sent to any ERP. When it is the original and no copy of it, run `crosstie systems arm`.",
}
MESSAGES |= {
    # leases of runs, backfills
    "run-lease-lost": "{system}/{object}: run {run} was taken over, because it showed no sign of life for too long. It wrote nothing more; the run that took over goes on.",
    "backfill-abandoned": "{system}/{object}: the backfill was given up meanwhile. Nothing more is read for it.",
}
