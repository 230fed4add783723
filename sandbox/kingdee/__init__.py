"""Kingdee Galaxy (云星空): its WebAPI over the trade book."""
