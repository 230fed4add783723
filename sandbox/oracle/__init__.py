"""Emulators of Oracle's ERPs."""
