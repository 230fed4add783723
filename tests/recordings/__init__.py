"""Recorded HTTP exchanges of every product, and what they become: tests/contract/test_products.py replays them.

A folder VENDOR/PRODUCT, or VENDOR/PRODUCT/TENANT for those of a real tenant, holds

- `system.yaml`: the system file they were recorded with, its password `${file:secrets/erp}`, the ERP's host
  erp.example.com; `overlay.yaml`: the mapping's overlay, if there is one
- SCENE.json for each call of the connector: `call` is what was called, with what, and what it `meets` (rate-limited,
  token-expired, refused); `gives` are the keys of the records that it read; `exchanges` are its requests in turn
  (method, path, query, `sent`: the body) with the answers (status, headers that matter, body). What JSON was stands as
  JSON, its numbers as they were written; `headers` beside `exchanges` are those of all its answers; `{token}` stands
  for what an ERP makes anew each time. An exchange that several calls have is a file in `shared/`
- OBJECT.records.json: the CRM's records that these reads become, amounts as text, without what is empty
- OBJECT.document.json: the decision that is pushed
- `metadata/`: what the ERP says of its own fields

Our own are cut down to what somebody reads (see `cutting`). `python -m tests.recordings [PRODUCT]` takes them anew from
our sandboxes.
"""
