"""Finds legacy tables, buckets and routes where programs and settings name them.

Each rule is a pattern of one way to name a table, a bucket or a route: a call of a
client library or an object mapper, a generated type, a setting, an address. A word that
is not named in such a way is no reference. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from harness import settings
from harness.references.lexing import CONFIG, HASH, PROSE, family_of
from harness.references.names import (
    ANY_BUCKET,
    ANY_ROUTE,
    ANY_TABLE,
    BUCKET,
    ROUTE,
    TABLE,
    Found,
)

_Q = r"""(?:\\?["'`])"""
_TABLE = rf"(?:public\.)?(?P<name>{ANY_TABLE})"
_BUCKET = rf"(?P<name>{ANY_BUCKET})"
#: A word whose last part is "table", or its name: TABLE_NAME, foreignTable, db_table.
TABLE_WORD = (
    r"(?:(?<![A-Za-z0-9])(?:[tT]able|TABLE)|(?<=[a-z0-9])Table)(?:s|S|_?[nN]ames?|_NAMES?)?"
    r"(?:_(?:MESSAGES|VOICE_NOTES)|Messages|VoiceNotes|__)?(?![A-Za-z0-9_])"
)
BUCKET_WORD = r"(?:(?<![a-z])[bB]ucket|BUCKET|(?<=[a-z])Bucket)\w*"
_TYPED = r"(?:\s*\??:\s*[\w.<>\[\]| ]{1,40}?)?"
_IS = rf"{_Q}?\]?{_TYPED}\s*(?::=|=>|[:=])\s*"

_TABLE_CALLS = re.compile(
    rf"""
    (?:
      (?P<owner>\b\w+)?(?P<call>\??\.|->|::)\s*
      (?:from|From|table|Table|selectFrom|insertInto|updateTable|deleteFrom|into|join
        |(?:left|right|inner|outer|full|cross)_?[jJ]oin(?:Sub)?|leftJoinAndSelect
        |(?:create|drop|alter|has|rename)_?[tT]able(?:_?[iI]f_?(?:Not_?)?[eE]xists)?
        |(?:add|drop|rename|alter)_(?:column|index|constraint)|create_index|fetch_table
        |createTableIfNotExists|(?:[pP]g|mysql|sqlite)Table|create|dropIfExists|inTable)
      (?:<[^()\n]{{0,120}}>)?\(\s*(?:id:\s*)?
    | \b(?:create_table|drop_table|change_table|rename_table|add_column|remove_column
        |add_index|add_foreign_key|add_reference)\(?\s*
    | \b(?:knex|pgTable|mysqlTable|sqliteTable)\(\s*
    | \bpostgrest\[
    | @(?:Entity|Table)\(\s*(?:name\s*[:=]\s*)? | \[Table\(\s*
    | \bsequelize\.define\(\s* | @@map\(\s*
    | \bTableName\(\)\s*string\s*\{{\s*return\s+
    )
    {_Q}{_TABLE}(?:\s+(?:as\s+)?\w{{1,12}})?(?={_Q}|:)
    """,
    re.VERBOSE,
)
#: What has a method "from" and is no client of a database.
_NO_CLIENT = re.compile(
    r"\w*Array|Buffer|String|Set|Map|List|Readable|Observable|Promise|Iterator|Stream"
    r"|Object|Date|Path|Vec|Cow|Instant|Temporal|Duration|OsString|PathBuf|Schema"
)
#: What joins other things than tables.
_JOINING = ("path", "posix", "win32", "Path", "os", "socket", "str")
_TABLE_RULES = [
    re.compile(pattern)
    for pattern in (
        # settings and constants that are called a table: {{ table: 'messages' }}
        rf"{TABLE_WORD}{_IS}(?:[^;,\n'\"`]{{0,60}}(?:\?\??|\|\||\bor\b)\s*)?{_Q}{_TABLE}{_Q}",
        rf"{TABLE_WORD}{_Q},\s*{_Q}{_TABLE}{_Q}",  # getenv("TABLE", "messages")
        rf"(?<![\w])(?:referencedRelation|__tablename__){_IS}{_Q}{_TABLE}{_Q}",
        # generated types: Tables['messages'], TablesInsert<'messages'>
        rf"\bTables(?:Insert|Update|Row)?\s*(?:<\s*|{_Q}?\]?\s*\[\s*){_Q}{_TABLE}{_Q}",
        rf"(?m)^\s*{_Q}?{_TABLE}{_Q}?: \{{\s*\n?\s*Row: ",
        # columns of an embedded table: .eq('messages.sender_id', …)
        rf"\.(?:eq|neq|gte?|lte?|like|ilike|is|in|contains|filter|not|order)\(\s*"
        rf"{_Q}{_TABLE}(?=\.\w)",
        # what realtime calls a table's changes
        rf"\brealtime:public:{_TABLE}\b",
        # Django, SQLAlchemy, Exposed, Prisma, JPA, Rails
        rf"\b(?:UUID|Int|Long|Id)?Table\(\s*(?:name\s*=\s*)?{_Q}{_TABLE}{_Q}(?!\s*=>)",
        rf"(?m)^model {_TABLE} \{{",
        rf"\b(?:(?:create|drop|change|rename)_table|(?:add|remove)_(?:column|index)"
        rf"|add_foreign_key|add_reference)\(?\s*:{_TABLE}\b",
        rf"\.{_TABLE}\.(?:find(?:Many|First|Unique)(?:OrThrow)?|(?:create|update|delete)Many"
        rf"|upsert|groupBy|aggregate)\(",
        rf"\bForeignKey\(\s*{_Q}{_TABLE}(?=\.\w)",
        rf"\bsql\(\s*{_Q}{_TABLE}{_Q}\s*\)",
        rf"\b(?:exists|unique):{_TABLE}(?=[,|\"'])",
    )
]
_SELECTED = re.compile(
    r"\.select\(\s*(?P<q>[\"'`])(?P<list>(?:(?!(?P=q)).)*)", re.DOTALL
)
_EMBEDDED = re.compile(
    rf"(?<![\w.!])(?P<name>{ANY_TABLE})(?:!\w+)*\s*\("
    rf"|(?<=!)(?P<key>{ANY_TABLE})_\w+_fkey\b"
)

_BUCKET_RULES = [
    re.compile(pattern)
    for pattern in (
        rf"(?:\.|->)(?:from|From|from_)\(\s*(?:id:\s*)?{_Q}{_BUCKET}{_Q}",
        rf"\bstorage\s*(?:\[|\(|::disk\(|,)\s*{_Q}{_BUCKET}{_Q}",
        # anything that is called a bucket: bucket_id = '…', createBucket('…')
        rf"{BUCKET_WORD}[^;\n]{{0,100}}?(?<!class=)(?<!className=)(?<!id=)"
        rf"{_Q}{_BUCKET}{_Q}",
        rf"\bs3://{_BUCKET}\b",
        rf"\bss:///{_BUCKET}\b",
        rf"--bucket[ =]{_BUCKET}(?![\w-])",
        rf"\[storage\.buckets\.\\?\"?{_BUCKET}\"?\]",
    )
]
#: Nobody but the bucket is called chat-attachments; but for names in pages and paths.
_PLAIN_BUCKET = re.compile(rf"{_Q}(?P<name>chat-attachments)(?:/[^\"'`\n]*)?{_Q}")
_BUCKET_FOLDER = re.compile(r"(?<=[\"'`%}*])/(?P<name>chat-attachments)/")
_OF_A_PAGE = re.compile(
    r"(?:\b(?:class(?:Name)?|id|htmlFor|for|key|name|to|href|import|from|require|t|path)"
    r"|\b(?:data|aria)-[\w-]+|TestId)\s*[=:(]?\s*\{?\s*\Z"
    r"|\b(?:join|resolve|joinpath)\([^()]*\Z"  # a folder of this machine
)

_HTTP = (
    r"get|post|put|patch|delete|del|head|all|use|options|request|route|add_url_rule"
    r"|Handle|HandleFunc|GET|POST|PUT|PATCH|DELETE|resource|apiResource|match|any"
)
_PATH = rf"(?P<path>/(?P<name>{ANY_ROUTE}))(?=[/?#\"'`])"
_LOOSE_PATH = rf"(?P<path>/?(?P<name>{ANY_ROUTE}))(?=[/?\"'])"
_ROUTES = [
    re.compile(pattern)
    for pattern in (
        rf"(?P<path>/?\brest/v1/(?P<name>{ANY_TABLE}))(?![\w-])",
        rf"(?P<path>/?\bstorage/v1/(?:[\w/]+/)?(?P<name>{ANY_BUCKET}))(?![\w-])",
        rf"(?P<path>/object/(?:public|sign|authenticated)/(?P<name>{ANY_BUCKET}))(?![\w-])",
        # not of another file: import '../api/messages'
        rf"(?:(?<![\w.@/~-])|https?://[\w.:@-]+|\$\w+|localhost:\d+)"
        rf"(?P<path>/api/(?:v\d+/)?(?P<name>{ANY_ROUTE}))(?![\w.-])",
        rf"[\"'](?P<path>api/(?:v\d+/)?(?P<name>{ANY_ROUTE}))(?=[/?\"'])",
        rf"(?:\.|->|::)(?:{_HTTP})(?:<[^()\n]{{0,80}}>)?\(\s*f?{_Q}{_PATH}",
        rf"\bRoute::(?:{_HTTP})\(\s*{_Q}{_LOOSE_PATH}",
        rf"@(?:Get|Post|Put|Patch|Delete|Request)Mapping\([^)\n]{{0,40}}?{_Q}{_LOOSE_PATH}",
        rf"@(?:Get|Post|Put|Patch|Delete|Controller)\(\s*{_Q}{_LOOSE_PATH}",
        rf"(?m)^\s*(?:re_)?path\(\s*r?{_Q}\^?{_LOOSE_PATH}",
        rf"\b(?:ajax|axios|request)\(\{{[^{{}}]{{0,200}}?\burl\s*:\s*{_Q}{_PATH}",
        rf"\b(?:fetch|axios|\$fetch|useSWR|useFetch|ky|ofetch)(?:<[^()\n]{{0,80}}>)?"
        rf"\(\s*f?{_Q}{_PATH}",
        # an address that begins with a variable: `${{API_URL}}/messages`
        rf"(?i:\{{[^{{}}\n]*(?:api|url|base|host|server|backend|endpoint)[^{{}}\n]*\}})"
        rf"(?P<path>/(?P<name>{ANY_ROUTE}))(?=[/?\"'`])",
        rf"(?i:\b\w{{0,60}}(?:api|url|base|host|endpoint)\w{{0,60}})\s*\+\s*{_Q}"
        rf"(?P<path>/(?P<name>{ANY_ROUTE}))(?=[/?\"'`])",
        rf"(?i:\b\w{{0,60}}(?:api_?url|endpoint)s?){_IS}{_Q}"
        rf"(?P<path>/(?P<name>{ANY_ROUTE}))(?=[/?\"'`])",
    )
]
_RUBY_ROUTES = re.compile(
    rf"(?m)^\s*(?:resources?\s+:(?P<name>{ANY_TABLE})\b"
    rf"|(?:get|post|put|patch|delete)\s+{_Q}/?(?P<other>{ANY_ROUTE})(?=[/\"']))"
)
_CONFIG_ROUTES = re.compile(
    rf"(?m)^\s*(?:-\s+)?{_Q}?(?P<path>/(?P<name>{ANY_ROUTE}))(?:/\{{\w+\}})?{_Q}?:\s*\{{?\s*$"
)
#: Frameworks make a route of a file's path.
_FILE_ROUTE = re.compile(
    rf"(?:(?:^|/)(?:pages|server|functions)/api/(?:v\d+/)?(?P<pages>{ANY_ROUTE})[/.]"
    rf"|(?:^|/)(?:app|routes)/(?:[\w()-]+/)*?api/(?:v\d+/)?(?P<app>{ANY_ROUTE})/"
    rf"(?:\[[\w.]+\]/)?(?:route|\+server)\.)[\w./\[\]-]*$"
)
_UNQUOTED = re.compile(
    rf"(?m)(?:{TABLE_WORD}[ \t]*[:=][ \t]*{_TABLE}"
    rf"|{BUCKET_WORD}[ \t]*[:=][ \t]*(?P<bucket>{ANY_BUCKET}))[ \t]*(?=\r?$|\s\#)"
)
_LISTS = re.compile(rf"(?P<table>{TABLE_WORD})|(?P<bucket>{BUCKET_WORD})", re.MULTILINE)
_LIST = re.compile(
    rf"{_Q}?{_TYPED}\s*(?::=|=>|[:=])\s*(?:new\s+)?(?:\w+(?:<\w+>)?\(\s*)?[\[({{]"
    r"(?P<listed>[^\[\](){}]{1,2000})[\])}]"
)
_BLOCK = re.compile(r"[ \t]*:[ \t]*\r?\n(?P<listed>(?:[ \t]*-[ \t]+\S+[ \t]*\r?\n?)+)")
_ITEM = re.compile(
    rf"(?:(?<=[\"'`])|(?<=- ))(?P<name>{ANY_TABLE}|{ANY_BUCKET})"
    rf"(?=[\"'`](?!\s*:)|\s*\r?$)",
    re.MULTILINE,
)


def in_program(text: str, path: str) -> Iterator[Found]:
    """Find what a program, a page or a setting names, SQL apart."""
    yield from _tables(text)
    yield from _buckets(text)
    yield from routes(text)
    family = family_of(path)
    if family in (CONFIG, HASH):
        yield from _unquoted(text)
    if family != PROSE:
        yield from _listed(text)
    if family == CONFIG or path.endswith(".json"):
        yield from (_route(found) for found in _CONFIG_ROUTES.finditer(text))
    if path.endswith(".rb"):
        for found in _RUBY_ROUTES.finditer(text):
            group = "name" if found["name"] else "other"
            yield Found(found.start(group), ROUTE, f"/{found[group]}")


def in_path(path: str) -> str | None:
    """Tell the legacy route that a framework makes of a file's path, if any."""
    if PurePosixPath(path).suffix not in (".js", ".ts", ".jsx", ".tsx", ".mjs"):
        return None
    found = _FILE_ROUTE.search(path)
    return f"/api/{found['pages'] or found['app']}" if found else None


def _tables(text: str) -> Iterator[Found]:
    for found in _TABLE_CALLS.finditer(text):
        owner = found["owner"] or ""
        if found["call"] and "from" in found.group().lower():
            if _NO_CLIENT.fullmatch(owner):
                continue
            if not _is_ours(text[max(0, found.start() - 60) : found.start("call")]):
                continue
        elif not _is_of_database(found, text):
            continue
        yield Found(found.start("name"), TABLE, found["name"])
    for rule in _TABLE_RULES:
        for found in rule.finditer(text):
            yield Found(found.start("name"), TABLE, found["name"])
    for select in _SELECTED.finditer(text):
        for found in _EMBEDDED.finditer(select["list"]):
            group = "name" if found["name"] else "key"
            start = select.start("list") + found.start(group)
            yield Found(start, TABLE, found[group])


def _is_of_database(found: re.Match[str], text: str) -> bool:
    """Whether a method with a common name is one of a database's."""
    call = found.group()
    if ".join(" in call or ">join(" in call:
        has_more = re.match(r"[\"'`]\s*,", text[found.end() : found.end() + 20])
        return has_more is not None and found["owner"] not in _JOINING
    if re.search(r"\W(?:create|dropIfExists)\(", call):
        return found["owner"] == "Schema"
    return found["owner"] != "console"


def _is_ours(before: str) -> bool:
    """Whether a client's call is made in the live schema, by what stands before it."""
    schema = re.search(r"\.schema\(\s*[\"'](\w+)[\"']\s*\)\s*\Z", before)
    return schema is None or schema[1] in ("public", settings.legacy_schema())


def _buckets(text: str) -> Iterator[Found]:
    for rule in _BUCKET_RULES:
        for found in rule.finditer(text):
            yield Found(found.start("name"), BUCKET, found["name"])
    for found in _PLAIN_BUCKET.finditer(text):
        if not _OF_A_PAGE.search(text[max(0, found.start() - 40) : found.start()]):
            yield Found(found.start("name"), BUCKET, found["name"])
    for found in _BUCKET_FOLDER.finditer(text):
        yield Found(found.start("name"), BUCKET, found["name"])


def routes(text: str) -> Iterator[Found]:
    """Find the legacy routes that a text of any kind names."""
    for rule in _ROUTES:
        for found in rule.finditer(text):
            yield _route(found)


def _route(found: re.Match[str]) -> Found:
    return Found(found.start("path"), ROUTE, "/" + found["path"].lstrip("/"))


def _unquoted(text: str) -> Iterator[Found]:
    for found in _UNQUOTED.finditer(text):
        if found["bucket"]:
            yield Found(found.start("bucket"), BUCKET, found["bucket"])
        else:
            yield Found(found.start("name"), TABLE, found["name"])


def _listed(text: str) -> Iterator[Found]:
    """Find the items of lists that are called tables or buckets."""
    for word in _LISTS.finditer(text):
        kind, names = (TABLE, ANY_TABLE) if word["table"] else (BUCKET, ANY_BUCKET)
        listed = _LIST.match(text, word.end()) or _BLOCK.match(text, word.end())
        if listed is None:
            continue
        for item in _ITEM.finditer(listed["listed"]):
            if re.fullmatch(names, item["name"]):
                yield Found(listed.start("listed") + item.start(), kind, item["name"])
