"""What the dump's own ``SET`` statements say, and what they leave open.

Owns the session's ``sql_mode``, client character set, time zone, user variables and
transaction state. A value that decides how bytes are read and cannot be worked out is
``Unreadable``. Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from harness.load.charsets import DEFAULT
from harness.load.errors import Place, Unreadable
from harness.load.lexer import Mode, Token
from harness.load.time_zones import read_time_zone

_ANSI_MODES = {
    "ANSI_QUOTES",
    "ANSI",
    "DB2",
    "MAXDB",
    "MSSQL",
    "ORACLE",
    "POSTGRESQL",
}
_DECIDING = _ANSI_MODES | {"NO_BACKSLASH_ESCAPES"}
_SCOPES = ("SESSION", "LOCAL", "GLOBAL", "PERSIST", "PERSIST_ONLY")
_SAVED_PREFIXES = ("@old_", "@saved_", "@save_", "@mysqldump_temp_")


class Session:
    """The state of the connection that the dump would be replayed on."""

    def __init__(self) -> None:
        self._system: dict[str, str | None] = {}
        self._user: dict[str, str | None] = {}
        #: What was opened and must be closed, as a clause, and where that was.
        self.open: dict[str, Place] = {}

    @property
    def mode(self) -> Mode:
        """How the dump quotes from here on."""
        return _mode(self._system.get("sql_mode") or "")

    @property
    def sql_mode(self) -> str:
        """The ``sql_mode`` that the dump sets, as written; empty when it sets none."""
        return self._system.get("sql_mode") or ""

    @property
    def charset(self) -> str:
        """The character set of the dump's bytes from here on."""
        name = self._system.get("character_set_client")
        return DEFAULT if name is None or name == "default" else name

    @property
    def time_zone(self) -> str | None:
        """The time zone of TIMESTAMP values, ``+00:00``; ``None``: not named."""
        return read_time_zone(self._system.get("time_zone"))

    def begin(self, at: Place) -> None:
        """A transaction began at this place."""
        self.open["START TRANSACTION has no COMMIT"] = at

    def commit(self) -> None:
        """A transaction was committed."""
        self.open.pop("START TRANSACTION has no COMMIT", None)

    def lock(self, at: Place) -> None:
        """Tables were locked at this place."""
        self.open["LOCK TABLES has no UNLOCK TABLES"] = at

    def unlock(self) -> None:
        """The tables were unlocked."""
        self.open.pop("LOCK TABLES has no UNLOCK TABLES", None)

    def set(self, tokens: Sequence[Token], at: Place) -> None:
        """Carry out one ``SET`` statement that stands at this place.

        Raises ``Unreadable`` when it gives ``sql_mode``, the character set or the time
        zone a value that cannot be worked out.
        """
        for item in _items(tokens[1:]):
            self._note_restored(item)
            if item[0].is_word("NAMES", "CHARSET") and len(item) > 1:
                self._system["character_set_client"] = item[1].text.lower()
            elif item[0].is_word("CHARACTER") and len(item) > 2:
                self._system["character_set_client"] = item[2].text.lower()
            else:
                self._assign(item, at)

    def _note_restored(self, item: Sequence[Token]) -> None:
        for token in item[1:]:
            if token.kind == "variable":
                self.open.pop(_saved(token.text), None)

    def _assign(self, item: Sequence[Token], at: Place) -> None:
        target, value = _target(item)
        if target is None or not value:
            return
        if target.startswith("@"):
            self._user[target] = self._user_value(value)
            if target.startswith(_SAVED_PREFIXES) and value[0].text.startswith("@@"):
                self.open[_saved(target)] = at
        elif target == "sql_mode":
            self._system[target] = self._sql_mode(value)
        elif target in ("time_zone", "character_set_client"):
            known, text = self._evaluate(value)
            if not known:
                raise Unreadable(f"the value of {target}", value[0].start)
            is_zone = target == "time_zone"
            self._system[target] = text if is_zone or not text else text.lower()
        elif target == "autocommit":
            off = value[0].text.upper() in ("0", "OFF", "FALSE")
            self.begin(at) if off else self.commit()

    def _user_value(self, value: Sequence[Token]) -> str | None:
        known, text = self._evaluate(value)
        return text if known else None

    def _sql_mode(self, value: Sequence[Token]) -> str | None:
        known, text = self._evaluate(value)
        if known:
            return text
        words = {
            word.strip().upper() for token in value for word in token.text.split(",")
        }
        if words & _DECIDING:
            raise Unreadable("the value of sql_mode", value[0].start)
        return self._system.get("sql_mode")

    def _evaluate(self, value: Sequence[Token]) -> tuple[bool, str | None]:
        """Whether the value is known, and the value; ``IFNULL(a, b)`` is understood."""
        first = value[0]
        if len(value) == 1:
            return self._operand(first)
        if first.is_word("IFNULL", "COALESCE") and len(value) == 6:
            known, text = self._operand(value[2])
            return self._operand(value[4]) if known and text is None else (known, text)
        if first.kind == "operator" and first.text in "+-" and len(value) == 2:
            return True, first.text + value[1].text
        return False, None

    def _operand(self, token: Token) -> tuple[bool, str | None]:
        if token.kind in ("string", "name", "number"):
            return True, token.text
        if token.kind == "variable":
            name = _variable(token.text)
            values = self._user if name.startswith("@") else self._system
            return True, values.get(name)
        if token.is_word("NULL", "DEFAULT"):
            return True, None
        return token.kind == "word", token.text


@lru_cache
def _mode(sql_mode: str) -> Mode:
    modes = {name.strip().upper() for name in sql_mode.split(",")}
    return Mode(
        backslash_escapes="NO_BACKSLASH_ESCAPES" not in modes,
        ansi_quotes=bool(modes & _ANSI_MODES),
    )


def _saved(variable: str) -> str:
    return f"{_variable(variable).upper()} is saved and not restored"


def _items(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Split at the commas that stand outside parentheses."""
    depth, first = 0, 0
    for index, token in enumerate(tokens):
        if token.kind != "operator":
            continue
        depth += (token.text == "(") - (token.text == ")")
        if (token.text == "," and depth == 0) or token.text == ";":
            if index > first:
                yield tokens[first:index]
            first = index + 1
    if first < len(tokens):
        yield tokens[first:]


def _target(item: Sequence[Token]) -> tuple[str | None, Sequence[Token]]:
    """The variable that is set, user variables with ``@``; ``None`` for global ones."""
    if item[0].is_word(*_SCOPES) and len(item) > 1:
        target, value = _target(item[1:])
        return (target if item[0].is_word("SESSION", "LOCAL") else None), value
    if len(item) < 3 or item[1].text not in ("=", ":="):
        return None, []
    name = item[0].text
    if name.lower().startswith(("@@global.", "@@persist")):
        return None, []
    return _variable(name) if item[0].kind == "variable" else name.lower(), item[2:]


def _variable(name: str) -> str:
    """``@@SESSION.sql_mode`` is ``sql_mode``; ``@OLD_X`` is ``@old_x``."""
    name = name.lower().replace("`", "")
    if name.startswith("@@"):
        return name[2:].removeprefix("session.").removeprefix("local.")
    return name
