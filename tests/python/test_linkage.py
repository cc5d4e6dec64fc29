"""Linkage: the most links at the least distance, and nothing lost under any strategy.

What the models decide is held against every possible choice on small cases, against
``linkage_oracle`` on the samples, and against the validation's own derivation on both.
"""

from __future__ import annotations

import io
import random
from collections import defaultdict
from collections.abc import Iterator

import pytest

from harness import build, comparing, linkage, rollback, stages, target, validate
from harness import publish as publishing
from harness.artifacts.linkage import advice, others_sentence, read_comparison
from harness.console import Console
from harness.database import Connection, Target, connect
from harness.errors import Refused, UsageError
from harness.linkage import Linkage
from harness.settings import SAMPLES
from harness.stages import Inputs, Session
from tests.python import world
from tests.python.linkage_oracle import Sample, assign, least_total, microseconds
from tests.python.test_rollback import dump_of_live

STRATEGIES = {
    str(how): how
    for how in (
        Linkage(),
        Linkage("infer"),
        Linkage("infer", merges=True),
        Linkage("participants"),
    )
}
_ONLY_MODELS = ("--exclude-resource-type", "test")


def test_the_oracle_of_ordered_choices_finds_the_least_of_all() -> None:
    """Links that cross are never shorter, so that only ordered ones need be tried."""
    chance = random.Random(5)  # noqa: S311
    for _ in range(300):
        chats = sorted(chance.choices(range(12), k=chance.randint(1, 4)))
        bookings = sorted(chance.choices(range(12), k=chance.randint(1, 4)))
        total, links = assign(chats, bookings)
        assert total == least_total(chats, bookings)
        assert len(links) == min(len(chats), len(bookings))


@pytest.fixture(scope="module")
def random_pairs(postgres_server: dict[str, str]) -> Iterator[Connection]:
    """Chats and bookings of many pairs, with ties, claims and chats of all fates."""
    with database_of(postgres_server, "random_pairs") as to, connect(to) as connection:
        land_random_pairs(connection)
        result = build.build(
            to, ["--select", "+linkage_strategies", "+inferred_links", *_ONLY_MODELS]
        )
        assert not result.failures
        yield connection


class database_of:
    """A database for a whole module."""

    def __init__(self, server: dict[str, str], name: str) -> None:
        self._server, self._name = server, name

    def __enter__(self) -> Target:
        with connect(Target(self._server, False), autocommit=True) as server:
            server.execute(f"create database {self._name}")
        return Target({**self._server, "dbname": self._name}, is_embedded=False)

    def __exit__(self, *_: object) -> None:
        with connect(Target(self._server, False), autocommit=True) as server:
            server.execute(f"drop database {self._name} with (force)")


def land_random_pairs(connection: Connection) -> None:
    chance = random.Random(7)  # noqa: S311
    chats: list[world.Row] = []
    bookings: list[world.Row] = []
    for pair in range(80):
        people = {
            "buyer_id": world.identifier("a", pair // 2),
            "stylist_id": world.identifier("b", pair % 7),
        }
        for _ in range(chance.randint(0, 4)):
            at = f"2024-01-{chance.randint(1, 9):02d} 00:00:00"
            bookings.append(world.booking(len(bookings) + 1, **people, created_at=at))
        for _ in range(chance.randint(0, 5)):
            at = f"2024-01-{chance.randint(1, 9):02d} 00:00:00"
            named = chance.choice([None, None, None, "gone", "known"])
            booking_id = {"gone": world.identifier("f", 1), None: None}.get(named, "")
            if booking_id == "":
                booking_id = bookings[-1]["id"] if bookings else None
            chats.append(
                world.chat(
                    len(chats) + 1,
                    **people,
                    booking_id=booking_id and booking_id.upper(),
                    is_active=chance.choice("0111"),
                    created_at=at,
                    updated_at=at,
                )
            )
    chats.append(dict(chats[0]))
    messages = [world.message(n, chance.randint(1, len(chats))) for n in range(1, 200)]
    world.land(connection, chats=chats, messages=messages, bookings=bookings)
    connection.execute(
        "create table staging.rejected_rows ("
        "_row bigint generated always as identity, table_name text, line bigint,"
        " byte_offset bigint, reason text, excerpt text)"
    )
    connection.commit()


def test_inferred_links_are_the_most_at_the_least_distance(
    random_pairs: Connection,
) -> None:
    rows = random_pairs.execute(
        "select chat_times, booking_times, chat_rows, booking_ids"
        " from transform.int_pairs_contested"
    ).fetchall()
    found = {
        row: (booking, distance)
        for row, booking, distance in random_pairs.execute(
            "select source_row, booking_id, distance_microseconds"
            " from transform.int_links_assigned"
        ).fetchall()
    }
    assert len(rows) > 20
    assert any(len(row[0]) > len(row[1]) > 1 for row in rows)
    assert any(1 < len(row[0]) < len(row[1]) for row in rows)
    for chat_times, booking_times, chat_rows, booking_ids in rows:
        total, links = assign(chat_times, booking_times)
        given = {row: found[row] for row in chat_rows if row in found}
        assert sum(distance for _, distance in given.values()) == total
        assert {row: booking for row, (booking, _) in given.items()} == {
            chat_rows[chat]: booking_ids[booking] for chat, booking in links.items()
        }
    assert len(found) == sum(min(len(row[0]), len(row[1])) for row in rows)


def carried_by_models(
    connection: Connection, strategy: str
) -> list[tuple[object, ...]]:
    return connection.execute(
        "select chat_id, kept_chat_id::text, linked_booking_id, customer_id, stylist_id"
        " from transform.int_chats_by_linkage"
        " where strategy = %s and fate <> 'skipped' and is_first_of_id order by 1",
        [strategy],
    ).fetchall()


def carried_by_validation(
    connection: Connection, strategy: str
) -> list[tuple[object, ...]]:
    validate.derive(connection, "UTC", STRATEGIES[strategy])
    rows = connection.execute(
        "select id::text, carried_as::text, booking_id::text, customer_id, stylist_id"
        " from carried_chats order by 1"
    ).fetchall()
    connection.rollback()
    return rows


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_validation_reaches_the_same_links_by_another_way(
    random_pairs: Connection, strategy: str
) -> None:
    expected = carried_by_validation(random_pairs, strategy)
    assert expected
    assert carried_by_models(random_pairs, strategy) == expected


@pytest.fixture(scope="module", params=["bookingless", "marketplace"])
def sample(
    request: pytest.FixtureRequest, postgres_server: dict[str, str]
) -> Iterator[tuple[Sample, Session]]:
    """A sample, landed, with the models that compare the linkages."""
    folder = SAMPLES / request.param
    inputs = Inputs(
        [str(next(folder.glob("*.sql")))],
        str(folder / "bookings-created.json"),
        str(folder / "user-id-mapping.json"),
    )
    with (
        database_of(postgres_server, f"linkage_{request.param}") as to,
        connect(to) as connection,
    ):
        session = Session(Console(io.StringIO(), io.StringIO()), to, connection)
        target.create(connection, by_participants=True)
        connection.commit()
        stages.load(session, inputs)
        models = ("+linkage_strategies", "+linkage_reasons", "+inferred_links")
        selected = ["--select", *models, "+affected_users", *_ONLY_MODELS]
        assert not build.build(to, selected).failures
        yield Sample.read(folder), session


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_samples_are_carried_as_their_rows_say(
    sample: tuple[Sample, Session], strategy: str
) -> None:
    source, session = sample
    carried = source.carried(strategy)
    kept = set(carried.values())

    found = carried_by_models(session.connection, strategy)
    assert {str(row[0]): row[1] for row in found} == carried
    assert carried_by_validation(session.connection, strategy) == found
    comparison = read_comparison(session.connection)
    assert comparison
    outcome = comparison.of(strategy)
    assert (outcome.chats_kept, outcome.chats_merged, outcome.chats_skipped) == (
        len(kept),
        len(carried) - len(kept),
        len(source.chats) - len(carried),
    )
    assert outcome.messages_carried == len(source.messages_of(strategy))
    session.connection.rollback()


@pytest.mark.slow
def test_affected_users_are_those_of_what_stays(sample: tuple[Sample, Session]) -> None:
    source, session = sample
    left = [
        row
        for row in source.chats
        if str(row[0]).lower() not in source.carried("strict")
    ]
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for row in left:
        for place, role in ((1, "customer"), (2, "stylist")):
            if row[place]:
                expected[str(row[place]).lower(), role] += 1
    found = session.connection.execute(
        "select old_user_id, role, chats_left from marts.affected_users"
        " where chats_left > 0"
    ).fetchall()
    session.connection.rollback()
    assert {(user, role): count for user, role, count in found} == expected


@pytest.mark.slow
def test_switching_after_a_rollback_is_like_a_fresh_run(
    sample: tuple[Sample, Session],
) -> None:
    """Publish, validate and roll back under each strategy, in one database."""
    source, session = sample
    connection, of_run = session.connection, landed_run(session)
    database = {**session.target.parameters}
    untouched = dump_of_live(database)
    fresh: dict[str, list[list[tuple[object, ...]]]] = {}
    order = [*STRATEGIES, *reversed(STRATEGIES)]
    for strategy in order:
        put_marts_aside(connection)
        world.build_marts(connection, of_run, STRATEGIES[strategy])
        if source.carried(strategy):
            world.publish(connection)
        else:
            publishing.publish(connection)
        found = validate.validate(connection)
        assert found.is_valid, found.errors
        assert published(connection) == source.messages_of(strategy)
        assert_order_is_kept(connection, source, strategy)
        content = published_content(connection)
        assert fresh.setdefault(strategy, content) == content
        if source.carried(strategy):
            rollback.rollback(connection)
        assert dump_of_live(database) == untouched


def landed_run(session: Session) -> str:
    row = session.connection.execute("select run_id from staging.loads").fetchone()
    session.connection.rollback()
    assert row
    return str(row[0])


def put_marts_aside(connection: Connection) -> None:
    connection.execute("drop schema if exists marts cascade")
    connection.commit()


def published(connection: Connection) -> set[str]:
    rows = connection.execute("select id::text from chat_messages").fetchall()
    return {row[0] for row in rows}


def published_content(connection: Connection) -> list[list[tuple[object, ...]]]:
    content = [
        connection.execute(f"select * from {table} order by id").fetchall()
        for table in ("chats", "chat_messages", "media")
    ]
    connection.rollback()
    return content


def assert_order_is_kept(connection: Connection, source: Sample, strategy: str) -> None:
    """Each live chat has the messages of its chats, all of them, as they were sent."""
    carried, ready = source.carried(strategy), source.messages_of(strategy)
    expected = defaultdict(list)
    for m in source.messages:
        if str(m[0]).lower() in ready:
            kept = carried[str(m[1]).lower()]
            expected[kept].append((microseconds(str(m[6])), str(m[0]).lower()))
    live = defaultdict(list)
    for chat, message in connection.execute(
        "select chat_id::text, id::text from chat_messages order by created_at, id"
    ).fetchall():
        live[chat].append(message)
    connection.rollback()
    assert live == {
        chat: [message for _, message in sorted(sent)]
        for chat, sent in expected.items()
    }


def test_a_target_that_needs_bookings_refuses_participants(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    how = Linkage("participants")
    with pytest.raises(target.TargetDoesNotFit, match="no column customer_id"):
        publishing.check_target(connection, how)
    connection.execute("alter table chats add customer_id uuid, add stylist_id uuid")
    with pytest.raises(target.TargetDoesNotFit, match="booking_id must not be null"):
        publishing.check_target(connection, how)
    target.create(connection, by_participants=True)
    assert "booking_id" in publishing.check_target(connection, how)["chats"]


def test_a_target_without_bookings_takes_participants(connection: Connection) -> None:
    """As one whose team has keyed its chats anew, and dropped the column."""
    target.create(connection, by_participants=True)
    connection.execute("alter table chats drop column booking_id")
    run_id = world.land(
        connection,
        chats=[world.chat(1), world.chat(2)],
        messages=[world.message(1, 1), world.message(2, 2)],
        bookings=[world.booking(1)],
    )
    target.fill(connection)
    world.build_marts(connection, run_id, Linkage("participants"))
    plan = world.publish(connection)
    assert [t.insert for t in plan.tables] == [1, 2, 0]
    assert "idx_chats_booking_id" not in {change.name for change in plan.changes}
    assert validate.validate(connection).is_valid
    done = rollback.rollback(connection)
    assert done.deleted == 3
    assert done.proof
    assert done.proof.holds


def test_participants_with_a_live_chat_of_their_own_are_told(
    connection: Connection,
) -> None:
    target.create(connection, by_participants=True)
    chats = [world.chat(1, booking_id=None), world.chat(2, booking_id=None)]
    run_id = world.land(
        connection, chats=chats, messages=[world.message(1, 2)], bookings=[]
    )
    target.fill(connection)
    connection.execute(
        "insert into profiles (id, role) values (%s, 'customer'), (%s, 'stylist')"
        " on conflict do nothing",
        [world.BUYER, world.STYLIST],
    )
    world.build_marts(connection, run_id, Linkage("participants"))
    connection.execute(
        "insert into chats (id, customer_id, stylist_id) values (%s, %s, %s)",
        [world.identifier("9", 1), world.BUYER, world.STYLIST],
    )
    connection.commit()
    connection.execute("update staging.loaded_tables set rows_read = 100")
    plan = publishing.preview(connection)
    reasons = plan.tables[0].reasons
    assert list(reasons) == [
        "its pair of customer_id and stylist_id already belongs to another live row"
    ]


@pytest.mark.slow
def test_the_comparison_of_a_dump_leaves_nothing_behind(
    connection: Connection, database: dict[str, str], environment: dict[str, str]
) -> None:
    folder = SAMPLES / "bookingless"
    inputs = Inputs(
        [str(folder / "phase6.sql")],
        str(folder / "bookings-created.json"),
        str(folder / "user-id-mapping.json"),
    )
    out = io.StringIO()
    session = Session(
        Console(out, io.StringIO()), Target(database, is_embedded=False), connection
    )
    with pytest.raises(Refused, match=r"\./inv build first"):
        comparing.of_marts(session)

    found = comparing.of_dump(session, inputs)
    comparing.print_comparison(session.console, found)

    schemas = connection.execute(
        "select nspname from pg_namespace where nspname ~ '^(linkage|staging|marts)'"
    ).fetchall()
    assert schemas == []
    carried = {
        o.strategy: (o.chats_carried, o.messages_carried) for o in found.outcomes
    }
    assert carried == {
        "strict": (0, 0),
        "infer": (1095, 320),
        "infer and merge": (1775, 522),
        "participants": (1821, 540),
    }
    sentence = others_sentence(found)
    assert sentence
    assert sentence.startswith("1,914 chats and 570 messages are left behind")
    assert "participants would carry 1,821 chats and 540 messages" in sentence
    assert advice(found).startswith("Take participants if")
    assert out.getvalue().rstrip().endswith(advice(found))
    examples = {o.strategy: len(found.examples_of(o.strategy)) for o in found.outcomes}
    assert set(examples.values()) == {5}
    ids = {str(row[0]) for row in Sample.read(folder).chats}
    assert not any(each in out.getvalue() for each in ids)


def test_merging_goes_with_infer_only() -> None:
    assert linkage.parse("infer", merges=True) == Linkage("infer", merges=True)
    assert linkage.parse(None) == Linkage()
    with pytest.raises(UsageError, match="goes with --linkage infer, not strict"):
        linkage.parse("strict", merges=True)
    with pytest.raises(UsageError, match="no linkage fuzzy"):
        linkage.parse("fuzzy")


def test_marts_of_an_earlier_version_are_strict(connection: Connection) -> None:
    connection.execute(
        "create schema marts; create table marts.loaded_run as select 'r' as run_id"
    )
    assert linkage.built(connection) == Linkage()
