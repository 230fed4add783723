"""OData V4 as SAP Gateway speaks it, over the same books as V2."""
