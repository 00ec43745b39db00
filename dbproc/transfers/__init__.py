"""Transfers that wait, worked off: one file each, from one place to another."""
