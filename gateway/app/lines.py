"""Joins channel rows to languages, keys and connectors: real-time lines and carriers of files (rows C20, C66, C92).

Parameters of a real-time channel: `address`, `authorities` (PEM), `signing_key` (name in the key register), `bank_keys`
{key id: PEM} and what its language needs. Parameters of a file channel: `sftp` {host, port, user, host_key, private_key
(sealed, base64)} or `directory`, and what its language needs.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from channels import params as parameters
from channels.kinds import REALTIME
from channels.signatures import RsaSha256Verifier
from connectors.directory import DirectoryCarrier
from connectors.http import HttpConnector
from connectors.policy import Policy
from connectors.ports import FileCarrier
from connectors.sftp import SftpAddress, SftpCarrier
from gateway.app.meters import ConnectorMeter
from gateway.app.wording import WordedChannel, Words
from gateway.clearing.model import Channel
from gateway.clearing.registry import OpenLine
from gateway.kernel.clock import Clock
from gateway.kernel.faults import Faults
from gateway.kernel.settings import Clearing
from gateway.keys import KeyBlock, KeyRegister, KeyStore

SFTP_KEY_PURPOSE = "channel.sftp_key"


class StoredSigner:
    """Signs for one channel with a key of the register."""

    def __init__(self, *, keystore: KeyStore, block: KeyBlock, key_id: str) -> None:
        self._keystore = keystore
        self._block = block
        self._key_id = key_id

    @property
    def key_id(self) -> str:
        """Name of the key as the bank knows it."""
        return self._key_id

    async def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`."""
        return await self._keystore.sign(self._block, data)


class Lines:
    """Opens real-time lines; `words` are what people are told for a channel's code."""

    def __init__(
        self,
        *,
        keystore: KeyStore,
        register: KeyRegister,
        meter: ConnectorMeter,
        clock: Clock,
        settings: Clearing,
        at_once: int,
        words: Words,
    ) -> None:
        self._words = words
        self._keystore = keystore
        self._register = register
        self._meter = meter
        self._clock = clock
        self._policy = Policy(
            connect_s=settings.connect_within_ms / 1000,
            total_s=settings.bank_within_ms / 1000,
            trips_after=settings.circuit_failures,
            rests_s=settings.circuit_open_s,
            at_once=at_once,
        )

    async def open(self, channel: Channel) -> OpenLine:
        """Open one channel. Raises MissingParameterError, LookupError or ValueError, naming what is missing."""
        params = channel.params
        name = parameters.text(params, "signing_key")
        key = await self._register.find(name)
        if key is None:
            message = f"the signing key {name!r} of channel {channel.code} is not in the key register"
            raise LookupError(message)
        signer = StoredSigner(
            keystore=self._keystore, block=key.block, key_id=parameters.text(params, "signing_key_id", name)
        )
        language = REALTIME[channel.kind](params, signer, RsaSha256Verifier(parameters.keys(params, "bank_keys")))
        authorities = params.get("authorities")
        wire = HttpConnector(
            name=channel.code,
            address=parameters.text(params, "address"),
            monotonic=self._clock.monotonic,
            authorities=str(authorities) if authorities else None,
            policy=self._policy,
            observer=self._meter,
        )
        told = WordedChannel(language, code=channel.code, words=self._words)
        return OpenLine(channel.code, told, wire, wire.close)


class Carriers:
    """Makes the carriers of file channels."""

    def __init__(self, *, keystore: KeyStore, meter: ConnectorMeter, clock: Clock, faults: Faults) -> None:
        self._keystore = keystore
        self._meter = meter
        self._clock = clock
        self._faults = faults

    async def carrier(self, channel: UUID, params: Mapping[str, object]) -> FileCarrier:
        """Make the carrier of a channel by its parameters. Raises MissingParameterError."""
        sftp = params.get("sftp")
        if not isinstance(sftp, Mapping):
            return DirectoryCarrier(Path(parameters.text(params, "directory")))
        sealed = base64.b64decode(parameters.text(sftp, "private_key"))
        private_key = await self._keystore.unseal(SFTP_KEY_PURPOSE, sealed)
        address = SftpAddress(
            host=parameters.text(sftp, "host"),
            port=parameters.number(sftp, "port", 22),
            user=parameters.text(sftp, "user"),
            private_key=private_key.decode(),
            host_key=parameters.text(sftp, "host_key"),
        )
        name = parameters.text(params, "name", str(channel))
        return SftpCarrier(
            name=name, address=address, monotonic=self._clock.monotonic, observer=self._meter, at=self._faults.at
        )
