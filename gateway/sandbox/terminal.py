"""A simulated terminal of dialect `cups`: it follows the protocol as a vendor would read it, and keeps its slips."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from gateway.kernel.clock import Clock
from gateway.sandbox.dialect import BadFrameError, Frame, encode, frame, read_frame, usage
from gateway.sandbox.security import WorkingKeys, encipher_track, message_code, open_keys, pin_block
from gateway.sandbox.slips import Batch, Request, Slip

_WITH_CODE = frozenset({"0100", "0200", "0220", "0400", "0500", "0320"})
_REVERSED = frozenset({"0100", "0200"})
_REPEATED_IN_A_REVERSAL = ("2", "3", "4", "11", "14", "22", "23", "25", "41", "42", "49", "55", "60", "61")
_DONE_WITH_A_REVERSAL = frozenset({"00", "12", "25"})
_PAUSE_SECONDS = 0.2


class NoAnswerError(Exception):
    """Nothing came back: the caller cannot know what was done."""


class NotSentError(Exception):
    """Nothing left the terminal: the front cannot be reached."""


class BadAnswerError(Exception):
    """An answer came that cannot be believed: its code is missing or wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSettings:
    """Who the terminal is and how patient: seconds for one answer, and for trying again in all."""

    host: str
    port: int
    terminal: str
    merchant: str
    answer_seconds: float = 60
    patience_seconds: float = 0
    serial: str = "SB0000000001"


class SimulatedTerminal:
    """One terminal. Requests may be under way at once; a real one sends them one after the other."""

    def __init__(
        self,
        settings: TerminalSettings,
        *,
        tmk: bytes,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
        batch: str = "000001",
        trace: int = 0,
    ) -> None:
        self._settings = settings
        self._tmk = tmk
        self._clock = clock
        self._tls = tls
        self._traces = count(trace + 1)
        self._line: _Line | None = None
        self.batch = batch
        self.keys: WorkingKeys | None = None
        self.pending: Request | None = None
        self.last_request: Request | None = None
        self.slips: list[Slip] = []

    async def connect(self) -> None:
        """Connect, unless there is a connection. Raises NotSentError where the front cannot be reached."""
        if self._line is not None and self._line.is_up:
            return
        settings = self._settings
        try:
            reader, writer = await asyncio.open_connection(settings.host, settings.port, ssl=self._tls)
        except OSError as error:
            raise NotSentError(f"cannot reach {settings.host}:{settings.port}") from error
        self._line = _Line(reader, writer)

    async def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            await self._line.close()
            self._line = None

    async def sign_in(self, kind: str = "003") -> Slip:
        """Sign in and take up the working keys (60.3 = 001, 003 or 004). Raises BadKeysError."""
        serial = self._settings.serial
        proof = f"Sequence No{len(serial):02d}{serial}".encode()
        fields = self._named({"t": "0800", "60": usage("00", self.batch, kind, reader=""), "62": proof.hex().upper()})
        slip = await self._send("sign-in", fields)
        if slip.is_approved:
            self.keys = open_keys(self._tmk, kind, bytes.fromhex(slip.answer["62"]))
            self.batch = slip.answer["60"][2:8]
        return slip

    async def sign_off(self) -> Slip:
        """Sign off."""
        return await self._send("sign-off", self._named({"t": "0820", "60": usage("00", self.batch, "002", reader="")}))

    async def echo(self) -> Slip:
        """Test the line."""
        return await self._send("echo", self._named({"t": "0820", "60": usage("00", self.batch, "301", reader="")}))

    async def keep_alive(self) -> None:
        """Send an empty frame and wait for the empty frame that answers it."""
        await self.connect()
        if self._line is None:
            raise NotSentError("not connected")
        await self._line.keep_alive(self._settings.answer_seconds)

    async def purchase(
        self,
        amount: int,
        *,
        pan: str = "",
        expiry: str = "3012",
        pin: str = "",
        track2: str = "",
        wrong_code: bool = False,
    ) -> Slip:
        """Pay `amount` minor units with a card, typed in (`pan`) or swiped (`track2`)."""
        fields = self._named({"t": "0200", "3": "000000", "4": f"{amount:012d}", "25": "00", "49": "156"})
        fields |= self._card(pan=pan, expiry=expiry, pin=pin, track2=track2)
        fields["60"] = usage("22", self.batch)
        return await self._transact("purchase", fields, wrong_code=wrong_code)

    async def void(self, original: Slip) -> Slip:
        """Void a purchase of this terminal's open batch."""
        fields = self._counter(original, "0200", original.request.amount)
        fields |= {"60": usage("23", self.batch), "61": original.request.batch + original.request.trace}
        return await self._transact("void", fields)

    async def refund(self, original: Slip, amount: int) -> Slip:
        """Refund part or all of a purchase of this merchant."""
        fields = self._counter(original, "0220", amount)
        place = original.request.batch + original.request.trace + original.date
        fields |= {"60": usage("25", self.batch), "61": place}
        return await self._transact("refund", fields)

    async def authorise(self, amount: int, *, pan: str, expiry: str = "3012", pin: str = "") -> Slip:
        """Hold `amount` minor units of a card's money."""
        fields = self._named({"t": "0100", "3": "030000", "4": f"{amount:012d}", "25": "06", "49": "156"})
        fields |= self._card(pan=pan, expiry=expiry, pin=pin, track2="")
        return await self._transact("pre-authorisation", fields | {"60": usage("10", self.batch)})

    async def release(self, hold: Slip) -> Slip:
        """Void a pre-authorisation."""
        return await self._transact("release", self._of_a_hold(hold, "0100", "11", "200000", hold.request.amount))

    async def complete(self, hold: Slip, amount: int) -> Slip:
        """Complete a pre-authorisation, up to 115 per cent of it."""
        return await self._transact("completion", self._of_a_hold(hold, "0200", "20", "000000", amount))

    async def void_completion(self, completion: Slip) -> Slip:
        """Void a completion."""
        fields = self._of_a_hold(completion, "0200", "21", "200000", completion.request.amount)
        return await self._transact("completion void", fields)

    async def balance(self, *, pan: str, expiry: str = "3012", pin: str = "") -> Slip:
        """Ask what is on a card; field 54 of the answer says."""
        fields = self._named({"t": "0200", "3": "310000", "25": "00", "49": "156"})
        fields |= self._card(pan=pan, expiry=expiry, pin=pin, track2="")
        return await self._transact("balance", fields | {"60": usage("01", self.batch)})

    async def settle(self, *, wrong_by: int = 0) -> list[Slip]:
        """Settle the batch with the totals of this terminal's slips; where they differ, upload every one; end it.

        `wrong_by` minor units are added to the debits, so that nothing balances.
        """
        await self.settle_pending()
        book = Batch.of(self.slips, self.batch)
        told = await self._settling("0500", "201", book.totals(wrong_by), {"49": "156"})
        if not told.is_approved:
            return [told]
        is_balanced = told.answer["48"][30] == "1"
        pages = [] if is_balanced else book.pages()
        slips = [told]
        slips += [await self._settling("0320", "201", page) for page in pages]
        count = f"{sum(int(page[:2]) for page in pages):04d}"
        slips.append(await self._settling("0320", "207" if is_balanced else "202", count))
        return slips

    async def _settling(self, mti: str, code: str, content: str, more: Mapping[str, str] | None = None) -> Slip:
        own = {"t": mti, "48": content, "60": usage("00", self.batch, code, reader="")}
        return await self._send("settlement" if mti == "0500" else "upload", self._named(own | dict(more or {})))

    def _of_a_hold(self, original: Slip, mti: str, kind: str, processing: str, amount: int) -> dict[str, str]:
        fields = self._named({"t": mti, "3": processing, "4": f"{amount:012d}", "22": "012", "25": "06", "49": "156"})
        place = original.request.batch + original.request.trace + original.date
        fields |= {"2": original.answer["2"], "38": original.approval, "61": place}
        return fields | {"60": usage(kind, self.batch)}

    async def enquire(self, original: Request) -> Slip:
        """Ask what became of a request; the answer's text is its standing."""
        fields = self._named({"t": "0220", "3": "380000", "25": "00", "49": "156"})
        fields |= {"60": usage("03", self.batch), "61": original.batch + original.trace}
        return await self._send("enquiry", fields)

    async def reverse(self, original: Request, *, reason: str = "98", approval: str = "") -> Slip:
        """Reverse a request, once; a terminal's own pending reversal is sent by `settle_pending`."""
        return await self._deliver(self._reversal(original, reason=reason, approval=approval))

    async def settle_pending(self) -> None:
        """Send the pending reversal until it is answered as done. Raises NoAnswerError or NotSentError."""
        while self.pending is not None:
            slip = await self._deliver(self.pending)
            if slip.code not in _DONE_WITH_A_REVERSAL:
                raise NoAnswerError(f"the pending reversal was answered {slip.code}")
            self.pending = None

    async def repeat(self, original: Request) -> Slip:
        """Send a request again, marked as a repeat (xx1), under the current key."""
        return await self._deliver(self._repeated(original), repeated=True)

    async def resend(self, original: Request) -> Slip:
        """Send the same bytes again."""
        return await self._deliver(original, repeated=True)

    async def send_bytes(self, data: bytes) -> None:
        """Send any bytes."""
        await self.connect()
        if self._line is None:
            raise NotSentError("not connected")
        await self._line.write(data)

    async def stray(self, seconds: float) -> bytes:
        """Return the next frame that answers nothing we wait for. Raises NoAnswerError."""
        if self._line is None:
            raise NoAnswerError("not connected")
        return await self._line.stray(seconds)

    def prepare(self, transaction: str, fields: Mapping[str, str], *, wrong_code: bool = False) -> Request:
        """Encode a request, with its code where the protocol wants one and there is a key."""
        named = dict(fields)
        if named["t"][:3] + "0" not in _WITH_CODE or self.keys is None:
            return Request(transaction=transaction, fields=named, frame=frame(encode(named)))
        message = encode(named | {"64": "0" * 16})[:-8]
        code = message_code(self.keys.mac, message)
        code = bytes([code[0] ^ 1]) + code[1:] if wrong_code else code
        return Request(transaction=transaction, fields=named, frame=frame(message + code))

    async def _transact(self, transaction: str, fields: dict[str, str], *, wrong_code: bool = False) -> Slip:
        """Send a request that moves money; what stays without a credible answer is left to be reversed (not 0220)."""
        await self.settle_pending()
        request = self.prepare(transaction, fields, wrong_code=wrong_code)
        self.last_request = request
        try:
            return await self._with_patience(request)
        except (NoAnswerError, BadAnswerError) as error:
            if fields["t"] in _REVERSED and transaction != "balance":
                reason = "A0" if isinstance(error, BadAnswerError) else "98"
                self.pending = self._reversal(request, reason=reason)
            raise

    async def _send(self, transaction: str, fields: dict[str, str]) -> Slip:
        return await self._with_patience(self.prepare(transaction, fields))

    async def _with_patience(self, request: Request) -> Slip:
        """Try until answered or out of patience: unsent requests as they are, sent ones as repeats."""
        until = self._clock.monotonic() + self._settings.patience_seconds
        sent = False
        while True:
            again = sent and request.fields["t"] in _WITH_CODE
            try:
                return await self._deliver(self._repeated(request) if again else request, repeated=again)
            except (NoAnswerError, NotSentError) as error:
                sent = sent or isinstance(error, NoAnswerError)
                if self._clock.monotonic() >= until:
                    if sent and isinstance(error, NotSentError):
                        raise NoAnswerError(str(error)) from error
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _deliver(self, request: Request, *, repeated: bool = False) -> Slip:
        await self.connect()
        if self._line is None:
            raise NotSentError("not connected")
        answer = await self._line.ask(request, self._settings.answer_seconds)
        self._check_code(request, answer)
        fields = answer.fields
        slip = Slip(
            request=request,
            code=fields.get("39", ""),
            text=fields.get("44", "").strip(),
            rrn=fields.get("37", "").strip(),
            approval=fields.get("38", "").strip(),
            date=fields.get("13", ""),
            answer=fields,
            repeated=repeated,
        )
        self.slips.append(slip)
        return slip

    def _check_code(self, request: Request, answer: Frame) -> None:
        if request.fields["t"][:3] + "0" not in _WITH_CODE or answer.fields.get("39") != "00":
            return
        if self.keys is None or "64" not in answer.fields:
            raise BadAnswerError("an approval without a code")
        if message_code(self.keys.mac, answer.message[:-8]) != answer.message[-8:]:
            raise BadAnswerError("an approval with a wrong code")

    def _named(self, fields: dict[str, str]) -> dict[str, str]:
        trace = f"{(next(self._traces) - 1) % 999_999 + 1:06d}"
        return fields | {"11": trace, "41": self._settings.terminal, "42": self._settings.merchant}

    def _card(self, *, pan: str, expiry: str, pin: str, track2: str) -> dict[str, str]:
        keys, security = self.keys, "2600000000000000" if pin else ""
        fields = {"22": f"{'02' if track2 else '01'}{'1' if pin else '2'}"}
        if pin and keys is not None:
            number = pan or track2.partition("D")[0]
            fields |= {"26": "12", "52": pin_block(pin, number, keys.pin).hex().upper()}
        if track2 and keys is not None and keys.data is not None:
            track2, security = encipher_track(track2, keys.data), f"{security[:2] or '00'}1{'0' * 13}"
        given = {"2": pan, "14": expiry if pan else "", "35": track2, "53": security}
        return fields | {name: value for name, value in given.items() if value}

    def _counter(self, original: Slip, mti: str, amount: int) -> dict[str, str]:
        """Begin a void or refund of `original`."""
        request = original.request.fields
        fields = self._named({"t": mti, "3": "200000", "4": f"{amount:012d}", "22": "012", "25": "00", "49": "156"})
        card = {name: request[name] for name in ("2", "14") if name in request} or self._answered_card(original)
        return fields | card | {"37": original.answer["37"]}

    def _answered_card(self, original: Slip) -> dict[str, str]:
        return {"2": original.answer["2"]} if "2" in original.answer else {}

    def _reversal(self, original: Request, *, reason: str, approval: str = "") -> Request:
        fields = {name: original.fields[name] for name in _REPEATED_IN_A_REVERSAL if name in original.fields}
        fields |= {"t": "0400", "39": reason} | ({"38": approval} if approval else {})
        return self.prepare("reversal", fields)

    def _repeated(self, original: Request) -> Request:
        return self.prepare(original.transaction, dict(original.fields) | {"t": original.fields["t"][:3] + "1"})


class _Line:
    """One connection: frames out, answers to those who wait for them, whatever order they come in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[tuple[str, str], list[asyncio.Future[Frame]]] = defaultdict(list)
        self._alive: list[asyncio.Future[None]] = []
        self._strays: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listening = asyncio.create_task(self._listen())

    @property
    def is_up(self) -> bool:
        return not self._listening.done() and not self._writer.is_closing()

    async def ask(self, request: Request, seconds: float) -> Frame:
        mti = request.fields["t"]
        key = (f"{mti[:2]}{int(mti[2]) + 1}0", request.trace)
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[key].append(answer)
        try:
            await self.write(request.frame)
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            raise NoAnswerError(f"no answer to {mti} in {seconds} s") from None
        finally:
            if answer in self._waiting[key]:
                self._waiting[key].remove(answer)

    async def keep_alive(self, seconds: float) -> None:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._alive.append(answer)
        await self.write(b"\0\0")
        try:
            await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            raise NoAnswerError("no answer to a keep-alive") from None

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise NoAnswerError("the connection was lost") from error

    async def stray(self, seconds: float) -> bytes:
        try:
            found = await asyncio.wait_for(self._strays.get(), seconds)
        except TimeoutError:
            raise NoAnswerError("nothing came") from None
        if found is None:
            self._strays.put_nowait(None)
            raise NoAnswerError("the connection was lost")
        return found

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self._lost()

    async def _listen(self) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                length = int.from_bytes(await self._reader.readexactly(2))
                self._take(await self._reader.readexactly(length))
        self._lost()

    def _take(self, body: bytes) -> None:
        if not body:
            self._alive = [answer for answer in self._alive if not answer.done()]
            if self._alive:
                self._alive.pop(0).set_result(None)
            return
        try:
            answer = read_frame(body)
        except BadFrameError:
            self._strays.put_nowait(body)
            return
        known = self._waiting.get((answer.fields["t"], answer.fields.get("11", "")), [])
        waiting = [one for one in known if not one.done()]
        if waiting:
            waiting[0].set_result(answer)
        else:
            self._strays.put_nowait(body)

    def _lost(self) -> None:
        self._writer.close()
        answers: list[asyncio.Future[Any]] = [answer for waiting in self._waiting.values() for answer in waiting]
        for answer in answers + list(self._alive):
            if not answer.done():
                answer.set_exception(NoAnswerError("the connection was lost"))
        self._strays.put_nowait(None)
