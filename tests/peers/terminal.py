"""A POS terminal of the `cups` dialect, written from the published protocol alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.peers.cards import Card
from tests.peers.cups import Envelope, Message, encode
from tests.peers.line import ANSWER_WITHIN, Answer, Line
from tests.peers.places import Place
from tests.peers.working_keys import WorkingKeys, enciphered_track, message_authentication_code, opened, pin_block

NO_MAC_YET = "00" * 8
NEVER_SEALED = ("08",)
REVERSED_FIELDS = (2, 3, 4, 11, 14, 22, 23, 25, 41, 42, 49, 55, 60, 61)
ENQUIRY = "380000"


class WrongAnswerMacError(ValueError):
    """An approval came without its MAC, or with a wrong one."""


@dataclass(frozen=True, slots=True)
class Deal:
    """A request and what came back."""

    request: Message
    answer: Answer

    @property
    def code(self) -> str:
        """Field 39 of the answer."""
        return self.answer.code

    @property
    def reference(self) -> str:
        """Batch and trace, as field 61 names an original."""
        return self.request[60][2:8] + self.request[11]


@dataclass(slots=True)
class Terminal:
    """One terminal on a connection: it makes requests, seals them and holds answers against their MAC."""

    place: Place
    line: Line
    traces: Iterator[str]
    batch: str = "000000"
    keys: WorkingKeys | None = None
    envelope: Envelope = Envelope()  # noqa: RUF009 - frozen

    async def sign_in(self, download: str = "003") -> Answer:
        """Take new working keys and the number of the open batch."""
        answer = await self.ask(self.signing_in(download))
        if answer.code == "00":
            self.keys = opened(download, self.place.tmk, bytes.fromhex(answer[62]))
            self.batch = answer[60][2:8]
        return answer

    async def sign_off(self) -> Answer:
        """End the session."""
        return await self.ask(self.network("0820", "002"))

    async def echo(self) -> Answer:
        """Ask whether the other side is there."""
        return await self.ask(self.network("0820", "301"))

    async def buy(self, card: Card, amount: int) -> Deal:
        """Make a purchase."""
        return await self.deal(self.purchase(card, amount))

    async def enquire(self, request: Message) -> Answer:
        """Ask what became of a request."""
        return await self.ask(self.enquiry(request[60][2:8] + request[11]))

    async def deal(self, request: Message) -> Deal:
        """Ask, and keep the request with its answer."""
        return Deal(request, await self.ask(request))

    async def ask(
        self,
        request: Message,
        *,
        mac: str | None = None,
        keys: WorkingKeys | None = None,
        within: float = ANSWER_WITHIN,
    ) -> Answer:
        """Send a request and wait for its answer; `mac` stands in for field 64, "" leaves it out."""
        future = self.line.expect(request)
        await self.line.write(self.framed(request, mac=mac, keys=keys))
        async with asyncio.timeout(within):
            answer = await future
        self.verify(answer, keys)
        return answer

    def framed(self, request: Message, *, mac: str | None = None, keys: WorkingKeys | None = None) -> bytes:
        """The whole frame of a request, sealed where a MAC is due."""
        if request.mti.startswith(NEVER_SEALED) or mac == "":
            return self.envelope.wrap(encode(request))
        unsealed = encode(request.but({64: NO_MAC_YET}))[:-8]
        if mac is not None:
            return self.envelope.wrap(unsealed + bytes.fromhex(mac))
        used = keys or self.keys
        if used is None:
            raise ValueError("a terminal without keys cannot seal a message")
        return self.envelope.wrap(unsealed + _seal(used, unsealed))

    def verify(self, answer: Answer, keys: WorkingKeys | None = None) -> None:
        """Hold an approval against its MAC, under the keys of its request or the current ones."""
        if answer.code != "00" or answer.message.mti.startswith(NEVER_SEALED):
            return
        good = {_seal(used, answer.encoded[:-8]) for used in (keys, self.keys) if used is not None}
        if 64 not in answer or answer.encoded[-8:] not in good:
            raise WrongAnswerMacError(f"the MAC of this {answer.message.mti} is missing or wrong")

    def network(self, mti: str, code: str, fields: Mapping[int, str] | None = None) -> Message:
        """Make an 0800 or 0820; `code` is 60.3."""
        return Message(mti, {11: next(self.traces), 60: f"00{self.batch}{code}"} | self._who() | dict(fields or {}))

    def signing_in(self, download: str) -> Message:
        """Make a sign-in with the serial number of this terminal."""
        serial = f"SN{self.place.terminal}"
        return self.network("0800", download, {62: f"Sequence No{len(serial):02d}{serial}".encode().hex(), 63: "001"})

    def purchase(self, card: Card, amount: int, changed: Mapping[int, str | None] | None = None) -> Message:
        """A purchase with the number keyed in and a PIN."""
        fields = {2: card.pan, 4: f"{amount:012d}", 14: card.expiry, 22: "011"} | self.with_pin(card)
        return self._financial("0200", "000000", "22", fields).but(changed)

    def swiped(self, card: Card, amount: int) -> Message:
        """A purchase that tells the card by its track only."""
        return self.purchase(card, amount, {2: None, 14: None, 22: "021", 35: card.track2})

    def swiped_in_secret(self, card: Card, amount: int, track: str) -> Message:
        """The same with the track enciphered under the data key."""
        request = self.swiped(card, amount)
        data = self.keys.data if self.keys else b""
        return request.but({35: enciphered_track(track, data), 53: f"{request[53][:2]}1{'0' * 13}"})

    def with_pin(self, card: Card, pin: str = "") -> dict[int, str]:
        """Fields 26, 52 and 53 of a PIN in format 0."""
        if self.keys is None:
            return {}
        block = pin_block(pin or card.pin, card.pan, self.keys.pin)
        cipher = "0" if len(self.keys.pin) == 8 else "6"
        return {26: "06", 52: block.hex().upper(), 53: f"2{cipher}{'0' * 14}"}

    def void(self, original: Deal) -> Message:
        """Undo a whole purchase of this batch."""
        fields = {2: original.request.get(2), 4: original.request[4], 22: "012"}
        named = {37: original.answer[37], 61: original.reference}
        return self._financial("0200", "200000", "23", fields | named)

    def refund(self, original: Deal, amount: int) -> Message:
        """Give back a part or all of a purchase, named by batch, trace, date and reference number."""
        return self._refund(original, amount, original.reference)

    def refund_by_number(self, original: Deal, amount: int) -> Message:
        """The same with batch and trace unknown: reference number and date name the purchase."""
        return self._refund(original, amount, "0" * 12)

    def reversal(self, request: Message, answer: Answer | None = None, *, reason: str = "98") -> Message:
        """Undo a request whose answer did not come, or came wrong."""
        repeated = {number: request[number] for number in REVERSED_FIELDS if number in request}
        approved = {38: answer[38]} if answer is not None and 38 in answer else {}
        return Message("0400", repeated | approved | {39: reason})

    def enquiry(self, reference: str) -> Message:
        """Ask about the request of a batch and trace."""
        return self._financial("0220", ENQUIRY, "03", {61: reference}).but({49: None})

    @staticmethod
    def repeat(request: Message) -> Message:
        """Make the same request again as xx1."""
        return request.but(mti=request.mti[:3] + "1")

    def _refund(self, original: Deal, amount: int, reference: str) -> Message:
        fields = {2: original.request.get(2), 4: f"{amount:012d}", 22: "012"}
        named = {37: original.answer[37], 61: reference + original.answer[13]}
        return self._financial("0220", "200000", "25", fields | named)

    def _financial(self, mti: str, processing: str, kind: str, fields: Mapping[int, str]) -> Message:
        fixed = {3: processing, 11: next(self.traces), 25: "00", 49: "156", 60: f"{kind}{self.batch}000"}
        return Message(mti, fixed | self._who() | {number: value for number, value in fields.items() if value})

    def _who(self) -> dict[int, str]:
        return {41: self.place.terminal.ljust(8), 42: self.place.merchant.ljust(15)}


def _seal(keys: WorkingKeys, message: bytes) -> bytes:
    return message_authentication_code(keys.mac, message)
