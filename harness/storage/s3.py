"""Files in a bucket of S3, or of whatever speaks its protocol.

One client serves all threads; boto3 says that it may. Bytes go in parts of at most
``PART_BYTES``, each with its MD5, so that the server refuses what it did not get. What
the library tries again itself (throttling, 5xx, broken connections) is not our concern;
what a single object ends with is told by its name. Credentials are never printed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from harness.errors import one_line
from harness.storage.stores import (
    CHUNK_BYTES,
    PART_BYTES,
    Content,
    Entry,
    FileFailed,
    FileMissing,
    FileRefused,
    SourceChanged,
    Store,
    StoreUnusable,
)

#: S3 copies at most this much in one request; more goes by way of us (its API
#: reference, CopyObject).
_MOST_COPIED = 5 * 1024**3
#: At most so many objects go into one request to delete (DeleteObjects).
_MOST_DELETED = 1000
_MISSING = {"404", "NoSuchKey", "NotFound"}
_CHANGED = {"412", "PreconditionFailed"}
#: What a server says when it would say the same again.
_BUSY = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable"}
#: What an object keeps beside its bytes, as boto3 calls it.
_KEPT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")
_META = "meta:"


class S3Store:
    """A bucket, or what is below a prefix in it."""

    def __init__(self, client: Any, account: str, bucket: str, prefix: str) -> None:
        self.client = client
        self._account = account
        self._bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.url = f"s3://{bucket}" + (f"/{self.prefix[:-1]}" if self.prefix else "")

    @property
    def service(self) -> str:
        """The endpoint and whose key it is used with; the key's secret is not in it."""
        return f"{self.client.meta.endpoint_url} {self._account}"

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    def exists(self) -> bool:
        """Whether the bucket is there; raises ``StoreUnusable`` when nobody says."""
        try:
            self.client.head_bucket(Bucket=self._bucket)
        except (ClientError, BotoCoreError) as error:
            if _code(error) in {*_MISSING, "NoSuchBucket"}:
                return False
            raise self._unusable(error) from error
        return True

    def make(self) -> None:
        """Make the bucket; buckets are private unless somebody says otherwise."""
        region = self.client.meta.region_name
        where = {"LocationConstraint": region}
        options = {} if region == "us-east-1" else {"CreateBucketConfiguration": where}
        try:
            self.client.create_bucket(Bucket=self._bucket, **options)
        except (ClientError, BotoCoreError) as error:
            raise self._unusable(error) from error

    def remove_if_empty(self) -> bool:
        """Remove the bucket when nothing is in it."""
        try:
            self.client.delete_bucket(Bucket=self._bucket)
        except (ClientError, BotoCoreError):
            return False
        return True

    def entries(self, beneath: str = "") -> Iterator[Entry]:
        """List objects, a thousand a page; folders' markers are objects as well."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self.prefix + beneath
        )
        try:
            for page in pages:
                for item in page.get("Contents", ()):
                    name = item["Key"][len(self.prefix) :]
                    yield Entry(name, int(item["Size"]), _etag(item))
        except (ClientError, BotoCoreError) as error:
            raise self._unusable(error) from error

    def head(self, name: str) -> Entry | None:
        """Look at one object."""
        try:
            with self._explained(name):
                found = self.client.head_object(**self._at(name))
        except FileMissing:
            return None
        return _entry(name, found)

    @contextmanager
    def read(self, name: str, etag: str | None = None) -> Iterator[Content]:
        """Read an object as it is under an ETag: the server sees to that."""
        condition = {"IfMatch": f'"{etag}"'} if etag else {}
        with self._explained(name):
            found = self.client.get_object(**self._at(name), **condition)
        body = found["Body"]
        try:
            with self._explained(name):
                yield Content(_entry(name, found), body.iter_chunks(CHUNK_BYTES))
        finally:
            body.close()

    def write(self, name: str, content: Content) -> Entry:
        """Write in one request, or in parts when there is more than one."""
        entry = content.entry
        pieces = _pieces(content.chunks)
        with self._explained(name):
            first = next(pieces, b"")
            if len(first) < PART_BYTES:
                answer = self.client.put_object(
                    **self._at(name),
                    Body=first,
                    ContentMD5=_content_md5(first),
                    **_options(entry),
                )
                size = len(first)
            else:
                answer, size = self._write_parts(name, entry, first, pieces)
        if size != entry.size:
            self.remove([name])
            raise FileFailed(f"{name} came with {size:,} of {entry.size:,} bytes")
        return Entry(name, size, _etag(answer), entry.content_type)

    def copy(self, source: Store, entry: Entry, name: str) -> Entry:
        """Have the server copy; it keeps content type and metadata."""
        if not isinstance(source, S3Store):
            raise TypeError(f"{source.url} is no bucket")
        if entry.size > _MOST_COPIED:
            with source.read(entry.name, entry.etag) as content:
                return self.write(name, content)
        with self._explained(entry.name):
            answer = self.client.copy_object(
                **self._at(name),
                CopySource={"Bucket": source._bucket, "Key": source._key(entry.name)},
                CopySourceIfMatch=f'"{entry.etag}"',
            )
        copied = Entry(name, entry.size, _etag(answer["CopyObjectResult"]))
        if copied.etag != entry.etag:
            self._require_unchanged(source, entry, copied)
        return copied

    def remove(self, names: list[str]) -> dict[str, str]:
        """Remove objects, a thousand a request."""
        failed: dict[str, str] = {}
        for first in range(0, len(names), _MOST_DELETED):
            some = names[first : first + _MOST_DELETED]
            wanted = {self._key(name): name for name in some}
            try:
                answer = self.client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": key} for key in wanted], "Quiet": True},
                )
            except (ClientError, BotoCoreError) as error:
                failed.update(dict.fromkeys(some, _said(error)))
                continue
            for item in answer.get("Errors", ()):
                failed[wanted[item["Key"]]] = item.get("Message") or item["Code"]
        return failed

    def forget_unfinished(self, name: str, size: int) -> None:
        """Abort the uploads of this object that were begun and not ended."""
        if size < PART_BYTES:
            return
        # Some servers do not list them; then the bucket's own rules clear them away.
        with suppress(ClientError, BotoCoreError):
            found = self.client.list_multipart_uploads(
                Bucket=self._bucket, Prefix=self._key(name)
            )
            for upload in found.get("Uploads", ()):
                if upload["Key"] == self._key(name):
                    self.client.abort_multipart_upload(
                        **self._at(name), UploadId=upload["UploadId"]
                    )

    def _write_parts(
        self, name: str, entry: Entry, first: bytes, rest: Iterator[bytes]
    ) -> tuple[Any, int]:
        """Write one part after the other; what fails leaves nothing behind."""
        at = self._at(name)
        upload = self.client.create_multipart_upload(**at, **_options(entry))
        begun = {**at, "UploadId": upload["UploadId"]}
        parts: list[dict[str, Any]] = []
        size, piece = 0, first
        try:
            while piece:
                number = len(parts) + 1
                part = self.client.upload_part(
                    **begun,
                    PartNumber=number,
                    Body=piece,
                    ContentMD5=_content_md5(piece),
                )
                parts.append({"PartNumber": number, "ETag": part["ETag"]})
                size += len(piece)
                piece = next(rest, b"")
            answer = self.client.complete_multipart_upload(
                **begun, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self.client.abort_multipart_upload(**begun)
            raise
        return answer, size

    def _require_unchanged(self, source: S3Store, entry: Entry, copied: Entry) -> None:
        """Tell a source that changed from an ETag that says nothing of the bytes.

        Not every server heeds the condition of a copy. A wrong copy is removed.
        """
        now = source.head(entry.name)
        if now and (now.etag, now.size) == (entry.etag, entry.size):
            # Of parts, or encrypted with a key: verifying compares the bytes.
            return
        self.remove([copied.name])
        raise SourceChanged(
            f"{entry.name} changed while it was copied: it was {entry.etag}, and is "
            f"{now.etag if now else 'gone'}"
        )

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._key(name)}

    def _key(self, name: str) -> str:
        return self.prefix + name

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        """Turn what the library raises about one object into a failure of that file."""
        try:
            yield
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            code, status = _code(error), _status(error)
            if code in _MISSING:
                raise FileMissing(f"{name} is not there any more") from error
            if code in _CHANGED:
                raise SourceChanged(
                    f"{name} is not what was planned any more"
                ) from error
            is_final = 400 <= status < 500 and status != 429 and code not in _BUSY
            kind = FileRefused if is_final else FileFailed
            raise kind(f"{name}: {_said(error)}") from error

    def _unusable(self, error: Exception) -> StoreUnusable:
        return StoreUnusable(
            f"{self.url} at {self.client.meta.endpoint_url} cannot be used: "
            f"{_said(error)}. Nothing was changed. Check CARRYOVER_STORAGE_ENDPOINT, "
            "the region, the credentials and the bucket's name, and run again."
        )


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Gather chunks into parts; only the last is smaller."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= PART_BYTES:
            yield bytes(held[:PART_BYTES])
            del held[:PART_BYTES]
    if held:
        yield bytes(held)


def _content_md5(piece: bytes) -> str:
    return base64.b64encode(hashlib.md5(piece, usedforsecurity=False).digest()).decode()


def _options(entry: Entry) -> dict[str, Any]:
    """What is kept beside the bytes, as boto3's arguments."""
    options: dict[str, Any] = {
        name: value for name, value in entry.attributes.items() if name in _KEPT
    }
    meta = {
        name[len(_META) :]: value
        for name, value in entry.attributes.items()
        if name.startswith(_META)
    }
    if meta:
        options["Metadata"] = meta
    if entry.content_type:
        options["ContentType"] = entry.content_type
    return options


def _entry(name: str, found: Mapping[str, Any]) -> Entry:
    kept = {key: found[key] for key in _KEPT if found.get(key)}
    meta = {_META + key: value for key, value in (found.get("Metadata") or {}).items()}
    size, content_type = int(found["ContentLength"]), found.get("ContentType")
    return Entry(name, size, _etag(found), content_type, {**kept, **meta})


def _etag(found: Mapping[str, Any]) -> str:
    return str(found.get("ETag", "")).strip('"')


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def _status(error: Exception) -> int:
    if isinstance(error, ClientError):
        answer = error.response.get("ResponseMetadata", {})
        return int(answer.get("HTTPStatusCode", 0))
    return 0


def _said(error: Exception) -> str:
    """What the server said, on one line."""
    if isinstance(error, ClientError):
        found = error.response.get("Error", {})
        said = found.get("Message") or found.get("Code") or error
        return one_line(said).rstrip(".")
    return one_line(error).rstrip(".")
