"""The books of an SAP S/4HANA: partners, orders, deliveries, billing and receivables on a clock of their own."""
