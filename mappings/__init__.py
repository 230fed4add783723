"""The translation between an ERP's records and the CRM's words. `mappings.engine` is the only door."""
