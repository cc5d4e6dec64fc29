"""How a live row names its file, and how it will name the copy.

Reads what applications write into ``file_url`` and ``file_path``: URLs of Supabase's
storage, public, signed or authenticated; URLs of S3, by host or by path; and bare
paths, with a bucket before them or without. Pure: no store and no database.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from harness.storage.stores import is_text

#: Supabase's routes to an object's bytes (storage-api, ``/object`` and ``/render``).
_SUPABASE = re.compile(
    r"^(?P<base>.*?/storage/v1)"
    r"/(?:(?:object|render/image)(?:/(?:public|sign|authenticated))?|s3)"
    r"/(?P<bucket>[^/]+)/(?P<name>.+)$"
)
#: A bucket in the host: AWS, and what speaks like it.
_IN_HOST = re.compile(r"^(?P<bucket>.+?)\.(?P<host>s3[.-].+)$")
#: How the copy is named: a URL's beginning, or nothing for a path.
URL, PATH = "url:", "path:"
#: What may stand unescaped in the path of a URL (RFC 3986, section 3.3).
_SAFE = "/-._~!$&'()*+,;=:@"


@dataclass(frozen=True)
class Candidate:
    """An object that a reference may mean; a lower rank is the better reading."""

    rank: int
    matched_by: str
    bucket: str | None
    name: str


@dataclass(frozen=True)
class Reference:
    """What a reference may mean, and how one like it names a file in the target.

    ``place`` begins with ``URL`` or ``PATH``; ``named_as`` completes it. Without
    candidates the reference leads to none of the buckets.
    """

    candidates: tuple[Candidate, ...]
    place: str
    is_in_target: bool = False


def read(text: str, buckets: Collection[str], target: str) -> Reference:
    """Read a reference to one of ``buckets``, or to the ``target`` bucket."""
    text = text.strip()
    if "://" in text:
        return _read_url(text, buckets, target)
    return _read_path(text, buckets, target)


def by_ids(path: str, message_id: str, media_id: str) -> tuple[Candidate, ...]:
    """The names by which a migrated image may lie in a folder or bucket.

    By the last word of its path without the ending, else by its message's id, which may
    be a file's name or a folder's.
    """
    last = path.rstrip("/").rpartition("/")[2]
    stem = re.sub(r"\.[^.]*$", "", last).lower()
    named = [(50, "image id", stem), (51, "message id", message_id.lower())]
    if media_id:
        named.append((52, "image id", media_id.lower()))
    return tuple(Candidate(r, how, None, name) for r, how, name in named if name)


def named_as(place: str, bucket: str, name: str) -> str:
    """Name an object of the target in the way that ``place`` says."""
    if place.startswith(URL):
        base = place.removeprefix(URL).replace("{bucket}", quote(bucket, safe=""))
        return f"{base}/{quote(name, safe=_SAFE)}"
    within = place.removeprefix(PATH).replace("{bucket}", bucket)
    return f"{within}/{name}" if within else name


def _read_url(text: str, buckets: Collection[str], target: str) -> Reference:
    try:
        parts = urlsplit(text)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return Reference((), "")
    known = [*buckets, target]
    origin = f"{parts.scheme}://{parts.netloc}"
    if found := _SUPABASE.match(parts.path):
        # Links with a token, and public ones, do not lead into a private bucket.
        place = f"{origin}{found['base']}/object/authenticated/{{bucket}}"
        return _of_bucket(unquote(found["bucket"]), found["name"], place, known, target)
    if (found := _IN_HOST.match(host)) and found["bucket"] in known:
        place = f"{parts.scheme}://{{bucket}}.{found['host']}"
        return _of_bucket(found["bucket"], parts.path[1:], place, known, target)
    if parts.scheme == "s3":
        return _of_bucket(host, parts.path[1:], "s3://{bucket}", known, target)
    segments = parts.path.split("/")
    for place_of, segment in enumerate(segments):
        if unquote(segment) in known:
            place = "/".join([origin, *segments[1:place_of], "{bucket}"])
            name = "/".join(segments[place_of + 1 :])
            return _of_bucket(unquote(segment), name, place, known, target)
    return Reference((), "")


def _of_bucket(
    bucket: str, escaped: str, place: str, known: Collection[str], target: str
) -> Reference:
    """A reference into a bucket by the path of a URL: escaped, or not as it ought."""
    place = URL + place
    if bucket not in known or not escaped:
        return Reference((), place)
    readings = dict.fromkeys([unquote(escaped, errors="surrogateescape"), escaped])
    named = ("decoded path", "path")
    return Reference(
        tuple(
            Candidate(rank, named[rank] if len(readings) > 1 else "path", bucket, name)
            for rank, name in enumerate(readings)
            if is_text(name)
        ),
        place,
        is_in_target=bucket == target,
    )


def _read_path(text: str, buckets: Collection[str], target: str) -> Reference:
    """A bare path: as it stands, without a query, then unescaped."""
    path = text.lstrip("/")
    first, _, rest = path.partition("/")
    if first == target and rest:
        named = Candidate(0, "path", target, rest)
        return Reference((named,), PATH + "{bucket}", is_in_target=True)
    readings = dict.fromkeys(
        [path, path.partition("?")[0], unquote(path.partition("?")[0])]
    )
    found = []
    for rank, reading in enumerate(readings):
        how = "path" if rank == 0 else "decoded path"
        if first in buckets and rest:
            name = reading.partition("/")[2]
            found.append(Candidate(2 * rank, how, first, name))
        found.append(Candidate(2 * rank + 1, how, None, reading))
    candidates = tuple(each for each in found if each.name and is_text(each.name))
    return Reference(candidates, PATH + ("{bucket}" if first in buckets else ""))
