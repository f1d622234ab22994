"""What the bank is known by: certificate, keys, token and ports, made once and kept in its folder."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.kernel.clock import Clock
from gateway.kernel.randomness import Randomness

HOST = "127.0.0.1"
BANK_KEY_ID = "BANK-1"
_TEN_YEARS = timedelta(days=3650)
_FIRST_PORT = 20000
_PORTS = 12000  # below the range that systems take client ports from, so that a restart finds its ports free


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The bank's keys and those it hands to its one customer, as PEM texts (sandbox only)."""

    authority: str
    certificate: Path
    certificate_key: Path
    bank_key: str
    customer_key: str
    customer_key_id: str
    sftp_host_key: str
    sftp_customer_key: str
    token: str


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file so that it is there whole or not at all, also after a crash."""
    part = path.with_name(path.name + ".new")
    with part.open("wb") as file:
        part.chmod(mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    line = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(line)
    finally:
        os.close(line)


def load_identity(folder: Path, *, customer: str, clock: Clock, randomness: Randomness) -> Identity:
    """Read the bank's identity from `folder`, making what is not there yet."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority_key = _kept(folder / "ca.key", _elliptic_key)
    authority = _kept(folder / "ca.pem", lambda: _authority(authority_key, clock))
    server_key = _kept(folder / "server.key", _elliptic_key)
    _kept(folder / "server.pem", lambda: _certificate(server_key, authority_key, authority, clock))
    return Identity(
        authority=authority,
        certificate=folder / "server.pem",
        certificate_key=folder / "server.key",
        bank_key=_kept(folder / "bank-signing.pem", _rsa_key),
        customer_key=_kept(folder / "customer-signing.pem", _rsa_key),
        customer_key_id=f"{customer}-1",
        sftp_host_key=_kept(folder / "sftp-host.pem", _ed25519_key),
        sftp_customer_key=_kept(folder / "sftp-customer.pem", _ed25519_key),
        token=_kept(folder / "token", lambda: randomness.octets(24).hex()),
    )


def public_pem(private_pem: str) -> str:
    """Return the public half of a private key, as PEM."""
    key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def public_openssh(private_pem: str) -> str:
    """Return the public half of an SSH key as one line, `ssh-ed25519 AAAA…`."""
    key = serialization.load_ssh_private_key(private_pem.encode(), password=None)
    form = serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, form).decode()


class Ports:
    """The ports of the bank's listeners, kept in its folder: the first start chooses, later ones use the same."""

    def __init__(self, folder: Path, randomness: Randomness) -> None:
        self._path = folder / "ports.json"
        self._randomness = randomness
        self._kept: dict[str, int] = json.loads(self._path.read_bytes()) if self._path.exists() else {}

    def kept(self, name: str) -> int | None:
        """Return the port that listener `name` had before, if it had one."""
        return self._kept.get(name)

    def candidate(self) -> int:
        """Return a port that may be free."""
        return _FIRST_PORT + int.from_bytes(self._randomness.octets(4)) % _PORTS

    def keep(self, name: str, port: int) -> None:
        """Remember the port that listener `name` has got."""
        self._kept[name] = port
        write_whole(self._path, json.dumps(self._kept).encode())


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        write_whole(path, make().encode())
    return path.read_text()


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _elliptic_key() -> str:
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def _rsa_key() -> str:
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _ed25519_key() -> str:
    form = serialization.PrivateFormat.OpenSSH
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _elliptic(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the bank's certificate keys are elliptic-curve keys")
    return key


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(clock: Clock, subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("Sandbox bank authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _TEN_YEARS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _authority(key_pem: str, clock: Clock) -> str:
    key = _elliptic(key_pem)
    builder = _builder(clock, "Sandbox bank authority", key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(certificates=True), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _certificate(key_pem: str, authority_key_pem: str, authority_pem: str, clock: Clock) -> str:
    authority_key = _elliptic(authority_key_pem)
    authority = x509.load_pem_x509_certificate(authority_pem.encode())
    names = [x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")]
    builder = _builder(clock, "Sandbox bank", _elliptic(key_pem))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    )
    builder = builder.add_extension(issuer, critical=False)
    return builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
