"""Runs the tasks: ``python -m harness TASK``, as ``./inv`` does."""

import os

from harness import signals

signals.install()
# Invoke would log everything, for every library, before anything can be told to it.
os.environ.pop("INVOKE_DEBUG", None)

from harness.cli import main  # noqa: E402 - loads all modules, which takes a second

main()
