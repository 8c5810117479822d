"""The database: all SQL of the program lives in this package.

Every function takes a `Connection` first, from `Database.read()` or `Database.write()`,
so that a caller decides what belongs into one transaction.
"""

from digest.store.database import Database

__all__ = ["Database"]
