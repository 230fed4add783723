"""English texts of every error in a settings or system file; the catalogues under locale/ translate them."""

MESSAGES: dict[str, str] = {
    # files
    "file-missing": "{place} does not exist.",
    "file-unreadable": "{place} cannot be read: {why}. Check its permissions.",
    "file-unwritable": "{place} cannot be written: {why}. Check its permissions and the free space, or point CROSSTIE_HOME and CROSSTIE_CONFIG elsewhere.",
    "yaml-broken": "{place}: this is not valid YAML: {why}.",
    "yaml-duplicate-key": "{place}: the key {key} stands here twice. Remove one.",
    "yaml-not-a-mapping": "{place}: `key: value` lines were expected here.",
    # keys and values
    "unknown-key": "{place}: there is no key {key}. Valid here: {valid}.",
    "unknown-key-near": "{place}: there is no key {key}. Did you mean {nearest}?",
    "missing-key": "{place}: the key {key} is missing. It is {expected}.",
    "bad-value": "{place}: {key} cannot be {value}. It is {expected}.",
    "bad-secret": "{place}: {key} must not stand here in plain text. Write ${{env:NAME}} or ${{file:path}}.",
    "plain-http": "{place}: {url} is not encrypted. Use https://, or say `allow_http: true` if you accept that the password travels in the clear.",
    "name-differs": "{place}: the name is {name}, but the file is called {file}. Make them the same.",
    # systems
    "no-such-system": "There is no system {name}: {place} does not exist. Configured: {known}.",
    "no-such-system-near": "There is no system {name}: {place} does not exist. Did you mean {nearest}?",
    "no-systems": "No system is configured in {place}. Copy an example there, or run `crosstie sandbox up sap/s4 --system NAME`.",
    "bad-system-name": "{name} cannot be the name of a system. Use lower-case letters, digits, - and _, beginning with a letter, at most 40 characters.",
    "bad-company": "{value} does not name a company. Write CODE:CURRENCY:ZONE, such as CN01:CNY:Asia/Shanghai.",
    "time-zone-needed": "The companies {companies} lie in several time zones: {zones}. Say with --time-zone which of them the ERP itself keeps.",
    "system-exists": "{place} exists already. Choose another name, or remove the file first.",
    # secrets
    "secret-variable-missing": "{place}: {key} of system {system} comes from the environment variable {variable}, which is not set. Set it and try again.",
    "secret-file-missing": "{place}: {key} of system {system} comes from the file {file}, which cannot be read: {why}. Write the secret into that file.",
    "secret-empty": "{place}: {key} of system {system} is empty in {source}. Write the secret there.",
    # sandboxes
    "sandbox-failed": "The sandbox for {product} did not start: {why}.",
    "sandbox-runs": "The sandbox {name} is running already. End it with `crosstie sandbox down {name}`, or choose another name.",
    "demo-home-used": "{place} holds files that no demo made. Move them, or set CROSSTIE_HOME to another folder.",
    "demo-runs": "A demo is running already (console: {url}). End it with Ctrl-C in its terminal, or with `crosstie down` after setting CROSSTIE_HOME to {place}.",
    "no-such-sandbox": "There is no sandbox {name}. Known: {known}.",
    # what runs by itself
    "left-out-secrets": "Secrets are not in it: keep them in your password store, or say --with-secrets.",
    "left-out-file": "{name} is not in it: give it a name of letters, digits and . _ - @ only, at most three levels deep.",
    "left-out-elsewhere": "{name} is not in it: it lies neither in the folder of settings nor in that of secrets. Keep a copy of it.",
    "history-none": "Prefect's history is not in it: there is none here.",
    "history-not-there": "Prefect's history did not come back: it is not in the backup. Nothing but the list of past runs is lost.",
    "history-no-tool": "Prefect's history was left out: it is in PostgreSQL, and this machine has no {tool}. Nothing but the list of past runs depends on it.",
    "history-failed": "Prefect's history was left out: {why}. Nothing but the list of past runs depends on it.",
    "history-other-kind": "Prefect's history did not come back: it is of another kind than Prefect's database here. Nothing but the list of past runs is lost.",
    "up-runs-already": "`crosstie up` runs already for {place}: process {pid}, since {since}, console {console}, Prefect {prefect}. End it with `crosstie down`.",
    "other-database": "`crosstie up` (process {pid}) works for {place} with the database {theirs}; these settings name {ours}. Give this command the variables of the service: CROSSTIE_DATABASE_URL is not the same (docs/operations.md, Embedded).",
    "port-used": "Port {port} is in use ({owner}). End that, or choose another port with {option}.",
    "port-refused": "This user cannot listen on port {port}: {why}. Choose another port with {option}.",
    "prefect-database-broken": "{place} is no database. It holds Prefect's history and nothing else: delete it and start again.",
    "prefect-sign-in-broken": "{place} does not hold a user and a password. Delete it and start again; a new one is drawn.",
    "child-failed": "{name} does not come up: {why}. Its log is {log}; if it speaks of a damaged database below prefect/ or of a revision that it cannot locate, delete prefect/prefect.db: it holds history only.",
    # products and mappings
    "no-such-product": "There is no product {name}. Known: {known}.",
    "no-mapping-file": "There is no mapping for product {product}: {place} does not exist.",
    "mapping-not-published": "No mapping of system {system} is published. Run `crosstie mappings publish {system} --why TEXT`.",
    "environment-differs": "{place}: system {system} belongs to environment {found}, this database to {needed}. Nothing is sent from here; correct `environment:` in the file, or use the other database.",
}
MESSAGES |= {
    # how the installation stands
    "never-read": "{system}: nothing was read from it yet. Start `crosstie up` or a worker, or read it with `crosstie pull {system}`.",
    # what ends on a known day
    "password-expires": "{system}: the password ends on {on}, in {days} days ({place}). Set a new one in the ERP, write it where the system file takes it from, and correct password_expires.",
    "password-expired": "{system}: the password ended on {on} ({place}). Set a new one in the ERP, write it where the system file takes it from, and correct password_expires.",
    "client-certificate-expires": "{system}: the client certificate {place} ends on {on}, in {days} days. Ask for a new one, make it known to the ERP and put it in its place.",
    "client-certificate-expired": "{system}: the client certificate {place} ended on {on}. Ask for a new one, make it known to the ERP and put it in its place.",
    "ca-bundle-expires": "{system}: every certificate in {place} ends by {on}, in {days} days. Ask the ERP's administrator for the new one.",
    "ca-bundle-expired": "{system}: every certificate in {place} has ended, the last on {on}. Ask the ERP's administrator for the new one.",
    "server-certificate-expires": "{system}: the certificate of {place} ends on {on}, in {days} days. Tell the ERP's administrator.",
    "server-certificate-expired": "{system}: the certificate of {place} ended on {on}. Tell the ERP's administrator.",
    "not-pem": "{place}: {file} holds no certificate in PEM form. Put one there that begins with -----BEGIN CERTIFICATE-----.",
}
MESSAGES |= {
    # Prefect's API
    "prefect-unreachable": "Prefect's API at {url} does not answer: {why}. Start it (`crosstie up`), or correct PREFECT_API_URL.",
    "prefect-refused": "Prefect's API at {url} refuses us ({status}). Set PREFECT_API_AUTH_STRING to the server's PREFECT_SERVER_API_AUTH_STRING.",
    "prefect-unready": "Prefect's API at {url} is not ready ({status}). Look at its log; its database may be away.",
    "prefect-of-another": "Prefect's server at {url} serves the installation {theirs}, this one is {ours}: they would work on each other's runs. Give this one a Prefect server of its own (PREFECT_API_URL); if {theirs} is no more, take its server over by `crosstie deployments apply --take-over`.",
    "schedule-refused": "{place}: Prefect does not take {cron} ({zone}), the schedule of {deployment}. Write another one.",
    "prefect-differs": "Prefect's server at {url} is of version {server}, this installation has {here}. Install the same lock on both.",
    # backups
    "backup-exists": "{place} exists already. Choose another name: a backup never overwrites one.",
    "backup-damaged": "{place} is damaged or is no backup ({what} does not fit). Nothing was changed; take another one.",
    "backup-name": "{place} holds a member named '{name}', which no backup of ours has. Nothing was changed; take another one.",
    "backup-newer": "{place} has format {found}; this program knows {known}. Upgrade this program; nothing was changed.",
    "backup-usage": "'{words}' is no backup to make or to verify. Write `crosstie backup [FILE]` or `crosstie backup verify FILE`.",
    "up-runs": "`crosstie up` is at work in {place}. End it with `crosstie down`, then restore.",
    "no-prefect": "No Prefect server is named. Start one with `crosstie up`, or set PREFECT_API_URL (and PREFECT_API_AUTH_STRING) to one that runs.",
}
