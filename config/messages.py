"""English texts of every error in a settings or system file; the catalogues under locale/ translate them."""

MESSAGES: dict[str, str] = {
    # files
    "file-missing": "{place} does not exist.",
    "file-unreadable": "{place} cannot be read: {why}. Check its permissions.",
    "file-unwritable": "{place} cannot be written: {why}. Check its permissions, or point CROSSTIE_HOME and CROSSTIE_CONFIG elsewhere.",
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
    "system-exists": "{place} exists already. Choose another name, or remove the file first.",
    # secrets
    "secret-variable-missing": "{place}: {key} of system {system} comes from the environment variable {variable}, which is not set. Set it and try again.",
    "secret-file-missing": "{place}: {key} of system {system} comes from the file {file}, which cannot be read: {why}. Write the secret into that file.",
    "secret-empty": "{place}: {key} of system {system} is empty in {source}. Write the secret there.",
    # sandboxes
    "sandbox-failed": "The sandbox for {product} did not start: {why}.",
    "sandbox-runs": "The sandbox {name} is running already. End it with `crosstie sandbox down {name}`, or choose another name.",
    "demo-home-used": "{place} holds files that no demo made. Move them, or set CROSSTIE_HOME to another folder.",
    "demo-runs": "A demo is running already at {url}. End it with Ctrl-C in its terminal, or with `crosstie sandbox down` after setting CROSSTIE_HOME to {place}.",
    "no-such-sandbox": "There is no sandbox {name}. Known: {known}.",
    # products and mappings
    "no-such-product": "There is no product {name}. Known: {known}.",
    "no-mapping-file": "There is no mapping for product {product}: {place} does not exist.",
    "mapping-not-published": "No mapping of system {system} is published. Run `crosstie mappings publish {system} --why TEXT`.",
    "environment-differs": "{place}: system {system} belongs to environment {found}, this database to {needed}. Nothing is sent from here; correct `environment:` in the file, or use the other database.",
}
