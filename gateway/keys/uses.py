"""What a key of each kind may do, in the letters of a key block's header, and how a header is read back.

Source: ANSI X9.143 tables of key usage, algorithm, mode of use and exportability.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.keys.keyblock import Header
from gateway.keys.port import KeyCipher, KeyKind, KeyStoreError


@dataclass(frozen=True, slots=True)
class Use:
    """`written` is the usage code of new blocks, `read` those accepted; `exportable` says how far a key may travel."""

    written: str
    read: frozenset[str]
    mode: str
    exportable: str


# What leaves under a master key by ECB is sensitive (S), what leaves in a TR-31 block is exportable (E); the rest stays
# (N). Numeric usages are this house's own (X9.143 leaves them free). PIN keys differ by mode: D only opens PIN blocks.
USES: dict[KeyKind, Use] = {
    KeyKind.TERMINAL_MASTER: Use("K0", frozenset({"K0"}), "E", "E"),
    KeyKind.ZONE_MASTER: Use("K0", frozenset({"K0"}), "B", "E"),
    KeyKind.TRANSPORT: Use("K1", frozenset({"K1"}), "B", "N"),
    KeyKind.MAC: Use("M3", frozenset({"M0", "M1", "M3", "M6", "20"}), "C", "S"),
    KeyKind.PIN: Use("P0", frozenset({"P0"}), "D", "S"),
    KeyKind.ZONE_PIN: Use("P0", frozenset({"P0"}), "B", "S"),
    KeyKind.DATA: Use("D0", frozenset({"D0"}), "B", "S"),
    KeyKind.BASE_DERIVATION: Use("B0", frozenset({"B0"}), "X", "N"),
    KeyKind.SIGNING: Use("S0", frozenset({"S0"}), "S", "N"),
    KeyKind.COMPONENT: Use("10", frozenset({"10"}), "N", "N"),
    KeyKind.SHARE: Use("11", frozenset({"11"}), "N", "N"),
}
WORKING = frozenset({KeyKind.MAC, KeyKind.PIN, KeyKind.DATA, KeyKind.ZONE_PIN})
MASTERS = frozenset({KeyKind.TERMINAL_MASTER, KeyKind.ZONE_MASTER})
ENTERED = MASTERS | {KeyKind.BASE_DERIVATION, KeyKind.TRANSPORT}
# A zone's master key carries keys shared with a channel, a terminal's those of its session.
CARRIED = {
    KeyKind.TERMINAL_MASTER: frozenset({KeyKind.MAC, KeyKind.PIN, KeyKind.DATA}),
    KeyKind.ZONE_MASTER: frozenset({KeyKind.MAC, KeyKind.ZONE_PIN, KeyKind.DATA}),
}
EXPORTED = MASTERS | WORKING

RSA, ELLIPTIC = "R", "E"
_SM4 = "4"
_SECRET = {"A": KeyCipher.AES, "D": KeyCipher.TRIPLE_DES, "T": KeyCipher.TRIPLE_DES, _SM4: KeyCipher.SM4}
_LETTERS: dict[KeyCipher, dict[int, str]] = {
    KeyCipher.TRIPLE_DES: {8: "D", 16: "T", 24: "T"},
    KeyCipher.AES: dict.fromkeys((16, 24, 32), "A"),
    KeyCipher.SM4: {16: _SM4},
}
_MAC_USAGES = {"A": "M6", "D": "M1", _SM4: "20"}


def header_of(kind: KeyKind, algorithm: str, protected_by: str) -> Header:
    """Return the header of a new block; `protected_by` is the check value of the key it is enciphered under."""
    return replace(bare_header(kind, algorithm), optional=(("KP", f"01{protected_by}"),))


def bare_header(kind: KeyKind, algorithm: str) -> Header:
    """Return the header of a block that does not say what protects it."""
    use = USES[kind]
    usage = _MAC_USAGES.get(algorithm, use.written) if kind is KeyKind.MAC else use.written
    return Header(usage=usage, algorithm=algorithm, mode=use.mode, exportability=use.exportable)


def secret_algorithm(cipher: KeyCipher, length: int) -> str:
    """Return the algorithm letter of a secret key. Raises KeyStoreError where the length is not one of the cipher's."""
    letter = _LETTERS[cipher].get(length)
    if letter is None:
        raise KeyStoreError(f"a {cipher} key does not have {length} bytes")
    return letter


def cipher_of(header: Header) -> KeyCipher | None:
    """Return the cipher a secret key is for; None where the block holds a private key."""
    return _SECRET.get(header.algorithm)


def refuse_other_use(kind: KeyKind, header: Header) -> None:
    """Raise KeyStoreError where a block, by its authenticated header, is not of `kind`."""
    use, private = USES[kind], header.algorithm in {RSA, ELLIPTIC}
    if header.usage not in use.read or header.mode != use.mode or private is not (kind is KeyKind.SIGNING):
        raise KeyStoreError(f"a key block of usage {header.usage} was given where a {kind} key is needed")


def refuse_other_carrier(master: KeyKind, carried: KeyKind) -> None:
    """Raise KeyStoreError where a key of a kind does not travel under a master key of another."""
    if carried not in CARRIED.get(master, frozenset()):
        raise KeyStoreError(f"a {carried} key does not travel under a {master} key")
