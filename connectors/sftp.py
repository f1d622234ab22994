"""SFTP with a pinned host key over paramiko (rows C56, C66-C69).

One session is kept and opened anew when it was lost; each transfer runs in a thread of its own. An upload goes to
`<name>.part`, its size is checked, and a plain rename gives it the final name: a rename never replaces a file.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import paramiko

from connectors.names import TEMPORARY, checked, taken
from connectors.ports import (
    CarrierError,
    Fetched,
    NotUploaded,
    Observer,
    RemoteFile,
    Silent,
    Upload,
    Uploaded,
    UploadUnknown,
)

_Result = TypeVar("_Result")
_PIECE = 1 << 18
_FAULTS = (paramiko.SSHException, OSError, EOFError)
# paramiko 5.1 still offers these; a bank that has nothing better must say so by setting, not by default
_DISABLED = {
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"],
    "macs": ["hmac-md5", "hmac-md5-96", "hmac-sha1", "hmac-sha1-96"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpAddress:
    """Where and as whom; `host_key` is the pinned line `<type> <base64>`, `private_key` a PEM or OpenSSH text."""

    host: str
    port: int
    user: str
    private_key: str = field(repr=False)
    host_key: str
    connect_s: float = 10.0


class SftpCarrier:
    """One account on one server; transfers take turns on its session."""

    def __init__(
        self,
        *,
        name: str,
        address: SftpAddress,
        monotonic: Callable[[], float],
        observer: Observer | None = None,
        at: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._address = address
        self._monotonic = monotonic
        self._observer = observer or Silent()
        self._at = at
        self._turn = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix=f"sftp-{name}")
        self._client: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None

    async def put(self, folder: str, name: str, pieces: Iterable[bytes], size: int) -> Upload:
        """Upload a file; see `FileCarrier.put`."""
        checked(name)
        return await self._threaded("put", lambda: self._put(f"{folder}/{name}", pieces, size))

    async def list(self, folder: str) -> Sequence[RemoteFile]:
        """List the whole files of a folder."""
        return await self._threaded("list", lambda: self._list(folder))

    async def get(self, folder: str, name: str, sink: Callable[[bytes], object]) -> Fetched:
        """Fetch a file; see `FileCarrier.get`."""
        checked(name)
        return await self._threaded("get", lambda: self._get(f"{folder}/{name}", sink))

    async def close(self) -> None:
        """Close the session and its threads."""
        await asyncio.to_thread(self._drop)
        self._threads.shutdown(wait=False)

    async def _threaded(self, what: str, work: Callable[[], _Result]) -> _Result:
        began, result = self._monotonic(), "failed"
        try:
            outcome = await asyncio.get_running_loop().run_in_executor(self._threads, work)
            result = "failed" if isinstance(outcome, NotUploaded | UploadUnknown) else "done"
            return outcome
        finally:
            self._observer.exchanged(self._name, what, self._monotonic() - began, result)

    def _put(self, path: str, pieces: Iterable[bytes], size: int) -> Upload:
        try:
            with self._session() as sftp:
                there = _size(sftp, path)
                if there is not None:
                    return taken(there, size)
                self._write(sftp, path + TEMPORARY, pieces, size)
                written = _size(sftp, path + TEMPORARY)
                if written != size:
                    return NotUploaded(f"the server has {written} bytes instead of {size}")
        except _FAULTS as fault:
            return NotUploaded(f"the upload did not finish: {_words(fault)}")
        return self._rename(path, size)

    def _write(self, sftp: paramiko.SFTPClient, path: str, pieces: Iterable[bytes], size: int) -> None:
        sent, told = 0, False
        with sftp.open(path, "wb") as remote:
            remote.set_pipelined(True)
            for piece in pieces:
                remote.write(piece)
                sent += len(piece)
                if not told and sent * 2 >= size:
                    told = True
                    self._at("sftp.uploading")
        self._at("sftp.uploaded")

    def _rename(self, path: str, size: int) -> Upload:
        try:
            with self._session() as sftp:
                sftp.rename(path + TEMPORARY, path)
        except _FAULTS as fault:
            return self._after_failed_rename(path, size, fault)
        self._at("sftp.renamed")
        return Uploaded()

    def _after_failed_rename(self, path: str, size: int, fault: BaseException) -> Upload:
        # the server may have done it before the answer was lost, or somebody took the name: the listing decides
        why = _words(fault)
        try:
            with self._session() as sftp:
                there, part = _size(sftp, path), _size(sftp, path + TEMPORARY)
        except _FAULTS:
            return UploadUnknown(f"the rename was not answered: {why}")
        if there is None:
            # no answer: a server that is slow may do it yet; no temporary name: a quick bank has taken the file away
            if part is None or not _is_word_of_the_server(fault):
                return UploadUnknown(f"the rename was not answered: {why}")
            return NotUploaded(f"the server refused the rename: {why}")
        if part is None and there == size:
            return Uploaded()
        return taken(there, size)

    def _list(self, folder: str) -> Sequence[RemoteFile]:
        try:
            with self._session() as sftp:
                entries = sftp.listdir_attr(folder)
        except _FAULTS as fault:
            message = f"folder {folder} of {self._name} cannot be listed: {_words(fault)}"
            raise CarrierError(message) from fault
        return sorted((_remote(entry) for entry in entries if _is_whole(entry)), key=lambda file: file.name)

    def _get(self, path: str, sink: Callable[[bytes], object]) -> Fetched:
        digest, size = hashlib.sha256(), 0
        try:
            with self._session() as sftp:
                before = _size(sftp, path)
                with sftp.open(path, "rb") as remote:
                    remote.prefetch(before)
                    while piece := remote.read(_PIECE):
                        digest.update(piece)
                        size += len(piece)
                        sink(piece)
                after = _size(sftp, path)
        except _FAULTS as fault:
            message = f"file {path} of {self._name} cannot be fetched: {_words(fault)}"
            raise CarrierError(message) from fault
        if not before == size == after:
            message = f"file {path} of {self._name} changed while it was fetched: wait until the bank has finished it"
            raise CarrierError(message)
        return Fetched(size, digest.digest())

    @contextmanager
    def _session(self) -> Iterator[paramiko.SFTPClient]:
        with self._turn:
            try:
                yield self._opened()
            except FileNotFoundError:
                raise
            except _FAULTS:
                self._drop()
                raise

    def _opened(self) -> paramiko.SFTPClient:
        transport = self._client.get_transport() if self._client else None
        if self._sftp is not None and transport is not None and transport.is_active():
            return self._sftp
        self._drop()
        self._client = self._connected()
        self._sftp = self._client.open_sftp()
        channel = self._sftp.get_channel()
        if channel is not None:
            channel.settimeout(self._address.connect_s * 3)
        return self._sftp

    def _connected(self) -> paramiko.SSHClient:
        address, client = self._address, paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        kind, key = _host_key(address.host_key)
        known = address.host if address.port == 22 else f"[{address.host}]:{address.port}"
        client.get_host_keys().add(known, kind, key)
        client.connect(
            address.host,
            port=address.port,
            username=address.user,
            pkey=_private_key(address.private_key),
            timeout=address.connect_s,
            banner_timeout=address.connect_s,
            auth_timeout=address.connect_s,
            look_for_keys=False,
            allow_agent=False,
            disabled_algorithms=_DISABLED,
        )
        return client

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = self._sftp = None


def _is_word_of_the_server(fault: BaseException) -> bool:
    """Tell a refusal, which paramiko raises as a plain OSError, from a connection that was lost or fell silent."""
    return isinstance(fault, OSError) and not isinstance(fault, TimeoutError | ConnectionError)


def _size(sftp: paramiko.SFTPClient, path: str) -> int | None:
    try:
        return sftp.stat(path).st_size
    except FileNotFoundError:
        return None


def _is_whole(entry: paramiko.SFTPAttributes) -> bool:
    is_file = entry.st_mode is None or stat.S_ISREG(entry.st_mode)
    return is_file and not entry.filename.endswith(TEMPORARY)


def _remote(entry: paramiko.SFTPAttributes) -> RemoteFile:
    modified = datetime.fromtimestamp(entry.st_mtime, UTC) if entry.st_mtime is not None else None
    return RemoteFile(entry.filename, entry.st_size or 0, modified)


def _host_key(line: str) -> tuple[str, paramiko.PKey]:
    try:
        kind, text = line.split()[:2]
        return kind, paramiko.PKey.from_type_string(kind, base64.b64decode(text, validate=True))
    except (ValueError, paramiko.SSHException) as fault:
        message = "the pinned host key must be a line like: ssh-ed25519 AAAA…"
        raise CarrierError(message) from fault


def _private_key(text: str) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text))
        except (paramiko.SSHException, ValueError):
            continue
    message = "the private key for SFTP is not an Ed25519, ECDSA or RSA key"
    raise CarrierError(message)


def _words(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
