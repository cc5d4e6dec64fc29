"""The path of an image, as the validation derives it, on every PostgreSQL."""

from __future__ import annotations

import pytest

from harness.database import Connection
from tests.python import world


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ("vase.png", "vase.png"),
        ("\x0b\tvase.png\f\r\n ", "vase.png"),
        ("/img/a.jpg?v", "/img/a.jpg?v"),
    ],
)
def test_only_white_space_is_trimmed(
    connection: Connection, content: str, path: str
) -> None:
    """To PostgreSQL 15 the escape for a vertical tab is the letter v."""
    run_id = world.land(
        connection,
        chats=[world.chat(1)],
        messages=[world.message(1, 1, message=content, is_image="1")],
        bookings=[world.booking(1)],
    )
    world.build_marts(connection, run_id)
    found = connection.execute("select file_path from marts.media").fetchall()
    assert found == [(path,)]
