"""Oracle Fusion Cloud: order hub, receivables, customers, items, prices and subscriptions over a trade book."""

from sandbox.oracle.fusion.front import front_on, open_front

__all__ = ["front_on", "open_front"]
