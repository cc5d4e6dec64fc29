"""Runs the tasks: ``python -m harness TASK``, as ``./inv`` does."""

from harness.cli import main

main()
