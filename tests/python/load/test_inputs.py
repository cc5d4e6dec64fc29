"""The JSON files of earlier phases: read strictly, faults named with their place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import settings
from harness.errors import InputError
from harness.load.inputs import BookingResult, read_bookings, read_users


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Any], str]:
    def write(content: Any) -> str:
        path = tmp_path / "given.json"
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return str(path)

    return write


def test_samples() -> None:
    for sample, results, users in (
        ("marketplace", 673, 236),
        ("bookingless", 1621, 564),
    ):
        folder = settings.SAMPLES / sample
        bookings = read_bookings(str(folder / "bookings-created.json"))
        mapping = read_users(str(folder / "user-id-mapping.json"))
        assert (len(bookings.results), len(mapping.mapping)) == (results, users)
        assert bookings.file.warnings == mapping.file.warnings == ()
        raw = (folder / "bookings-created.json").read_bytes()
        assert bookings.file.sha256 == hashlib.sha256(raw).hexdigest()
        assert bookings.file.bytes == len(raw)


def test_results_are_kept_in_order_with_their_errors(
    written: Callable[[Any], str],
) -> None:
    content = {
        "results": [
            {"id": "B", "success": False, "error": "no such user"},
            {"id": "a", "success": True, "more": 1},
            {"id": "a", "success": False, "error": {"code": 7}},
        ]
    }
    assert read_bookings(written(content)).results == (
        BookingResult("B", False, "no such user"),
        BookingResult("a", True, None),
        BookingResult("a", False, '{"code": 7}'),
    )


def test_a_byte_order_mark_is_no_content(written: Callable[[Any], str]) -> None:
    assert read_users(written('\ufeff{"mapping": {"a": "b"}}')).mapping == {"a": "b"}


def test_counts_that_disagree_are_warned_of(written: Callable[[Any], str]) -> None:
    results = [{"id": "a", "success": True}]
    metadata = {"total_processed": 2, "successful_creations": 1}
    file = read_bookings(written({"metadata": metadata, "results": results})).file
    assert file.warnings == (
        "given.json: metadata.total_processed is 2, but there are 1 results",
    )
    users = {"metadata": {"total_mappings": 3}, "mapping": {"a": "b"}}
    assert read_users(written(users)).file.warnings == (
        "given.json: metadata.total_mappings is 3, but there are 1 mappings",
    )


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "no JSON at line 1, column 1"),
        ('{\n "results": [,]}', "no JSON at line 2, column 14"),
        ('{"results": []} x', "no JSON at line 1, column 17"),
        ('{"results": NaN}', "NaN is no JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"results": [], "results": []}', "'results' appears twice"),
        ('{"results": [{"id": "a", "id": "b"}]}', "'id' appears twice"),
        ([], r"the file must be an object, not \[\]"),
        ({}, "results must be a list, not nothing"),
        ({"results": {}}, r"results must be a list, not \{\}"),
        ({"results": ["a"]}, r'results\[0\] must be an object, not "a"'),
        ({"results": [{"success": True}]}, r"results\[0\]\.id must be a text"),
        ({"results": [{"id": 7, "success": True}]}, r"results\[0\]\.id .* not 7"),
        ({"results": [{"id": "a"}]}, r"results\[0\]\.success must be true or false"),
        ({"results": [{"id": "a", "success": "yes"}]}, r'success .* not "yes"'),
        ({"results": [{"id": "a\0", "success": True}]}, r"results\[0\]\.id holds"),
        (
            '{"results": [{"id": "\\ud800", "success": true}]}',
            r"results\[0\]\.id holds",
        ),
    ],
)
def test_bookings_of_another_shape(
    written: Callable[[Any], str], content: Any, named: str
) -> None:
    with pytest.raises(InputError, match=named) as refused:
        read_bookings(written(content))
    assert "given.json" in str(refused.value)
    assert "Nothing was loaded" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"mapping": []}, r"mapping must be an object, not \[\]"),
        ({"mapping": {"a": 1}}, r'mapping\["a"\] must be a text, not 1'),
        ({"mapping": {"a": None}}, r'mapping\["a"\] must be a text, not nothing'),
        ('{"mapping": {"a": "x", "a": "y"}}', "'a' appears twice"),
        ({"mapping": {"a": "x", "A": "y"}}, "'a' and 'A', which are one id"),
    ],
)
def test_users_of_another_shape(
    written: Callable[[Any], str], content: Any, named: str
) -> None:
    with pytest.raises(InputError, match=named):
        read_users(written(content))


def test_one_user_in_two_cases_may_map_to_one(written: Callable[[Any], str]) -> None:
    assert len(read_users(written({"mapping": {"a": "x", "A": "X"}})).mapping) == 2


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    path.write_bytes(b'{"mapping": {"\xff": "b"}}')
    with pytest.raises(InputError, match="byte 14 is no UTF-8"):
        read_users(str(path))


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_bookings(str(tmp_path / name))
