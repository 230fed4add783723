"""A stand-in for Yonyou's YonBIP: its OpenAPI gateway over the trade book (made-up, golden or classic models data)."""
