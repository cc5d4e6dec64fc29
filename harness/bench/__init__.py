"""Measures what the harness promises of its speed and memory.

``messages`` writes the dump and the prepared text, ``load`` runs and compares,
``others`` runs the tools that it is compared with. Nothing else imports this package.
"""
