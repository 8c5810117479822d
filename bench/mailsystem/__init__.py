"""A whole mail system on this machine, and what becomes of each kind of address in it."""
