"""The memory of a process is its own, whoever started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness import memory
from harness.settings import PROJECT_ROOT

ASK = "from harness.memory import peak_memory_bytes; print(peak_memory_bytes())"


def test_it_grows_with_what_is_held() -> None:
    size = 64 << 20
    before = memory.peak_memory_bytes() or 0
    held = bytearray(before + size)
    assert (memory.peak_memory_bytes() or 0) >= before + size
    del held


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's count is Linux's")
def test_what_the_parent_holds_is_not_counted() -> None:
    held = bytearray(256 << 20)
    said = subprocess.run(
        [sys.executable, "-c", ASK], cwd=PROJECT_ROOT, capture_output=True, check=True
    ).stdout
    assert 1 << 20 < int(said) < len(held) // 2


@pytest.mark.parametrize("status", [None, "Name:\tpython\n"])
def test_where_the_kernel_does_not_say_getrusage_does(
    status: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if status:
        (tmp_path / "status").write_text(status)
    monkeypatch.setattr(memory, "_LINUX", tmp_path / "status")
    assert (memory.peak_memory_bytes() or 0) > 1 << 20
