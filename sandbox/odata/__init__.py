"""A generic OData V2 service in the manner of SAP Gateway; what it serves comes from a `Backend`."""
