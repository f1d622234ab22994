"""What a key of each kind may do, in the letters of a key block's header, and how a header is read back.

Source: ANSI X9.143 tables of key usage, algorithm, mode of use and exportability.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.keys.keyblock import Header
from gateway.keys.port import KeyCipher, KeyKind, KeyStoreError


@dataclass(frozen=True, slots=True)
class Use:
    """`written` is the usage code of new blocks, `read` those accepted; `exportable` says how far a key may travel."""

    written: str
    read: frozenset[str]
    mode: str
    exportable: str


# Working keys leave under a terminal's master key by ECB, which X9.143 calls sensitive (S); the rest never do (N).
USES: dict[KeyKind, Use] = {
    KeyKind.TERMINAL_MASTER: Use("K0", frozenset({"K0"}), "E", "N"),
    KeyKind.MAC: Use("M3", frozenset({"M0", "M1", "M3", "M6"}), "C", "S"),
    KeyKind.PIN: Use("P0", frozenset({"P0"}), "B", "S"),
    KeyKind.DATA: Use("D0", frozenset({"D0"}), "B", "S"),
    KeyKind.SIGNING: Use("S0", frozenset({"S0"}), "S", "N"),
}
WORKING = frozenset({KeyKind.MAC, KeyKind.PIN, KeyKind.DATA})

RSA, ELLIPTIC = "R", "E"
_SECRET = {"A": KeyCipher.AES, "D": KeyCipher.TRIPLE_DES, "T": KeyCipher.TRIPLE_DES}


def header_of(kind: KeyKind, algorithm: str, protected_by: str) -> Header:
    """Return the header of a new block; `protected_by` is the check value of the key it is enciphered under."""
    use = USES[kind]
    usage = {"A": "M6", "D": "M1"}.get(algorithm, use.written) if kind is KeyKind.MAC else use.written
    return Header(
        usage=usage,
        algorithm=algorithm,
        mode=use.mode,
        exportability=use.exportable,
        optional=(("KP", f"01{protected_by}"),),
    )


def secret_algorithm(cipher: KeyCipher, length: int) -> str:
    """Return the algorithm letter of a secret key. Raises KeyStoreError where the length is not one of the cipher's."""
    letters = {KeyCipher.TRIPLE_DES: {8: "D", 16: "T", 24: "T"}, KeyCipher.AES: dict.fromkeys((16, 24, 32), "A")}
    letter = letters[cipher].get(length)
    if letter is None:
        raise KeyStoreError(f"a {cipher} key does not have {length} bytes")
    return letter


def cipher_of(header: Header) -> KeyCipher | None:
    """Return the cipher a secret key is for; None where the block holds a private key."""
    return _SECRET.get(header.algorithm)


def refuse_other_use(kind: KeyKind, header: Header) -> None:
    """Raise KeyStoreError where a block, by its authenticated header, is not of `kind`."""
    private = header.algorithm in {RSA, ELLIPTIC}
    if header.usage not in USES[kind].read or private is not (kind is KeyKind.SIGNING):
        raise KeyStoreError(f"a key block of usage {header.usage} was given where a {kind} key is needed")
