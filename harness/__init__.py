"""Carryover's Python harness: loads, publishes, proves and undoes; dbt decides.

Nothing in this package decides a row's fate: that is SQL in ``models/``. The harness
moves bytes into ``staging``, moves ``marts`` into the live schema, and checks both.
"""

__version__ = "0.1.0"
