"""Lands a MySQL dump and the files of earlier phases in the ``staging`` schema.

``reader`` is pure: bytes in, COPY blocks and rejected rows out. ``source`` and
``inputs`` open files; ``landing`` is the only module that writes, and it writes
``staging`` only.
"""

from harness.load.errors import DumpError
from harness.load.result import InputFile, LoadResult, TableLoad

__all__ = ["DumpError", "InputFile", "LoadResult", "TableLoad"]
