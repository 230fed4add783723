"""What the sandboxes share behind their protocols: data sets, the clock, money, payment terms, a trade book."""
