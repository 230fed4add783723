"""Emulators of ERP products: their protocol, their books, their traps. No part of the product; loopback only."""
