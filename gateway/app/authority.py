"""Certificates of a sandbox: one authority of its own and one server certificate for this machine's loopback names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.kernel.clock import Clock

_YEARS = timedelta(days=3650)
_SKEW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Where the certificate and its key lie, and the authority (PEM) that clients trust."""

    certificate: Path
    key: Path
    authority: str


def server_certificate(folder: Path, clock: Clock) -> ServerCertificate:
    """Return the certificate of a sandbox, made at the first call."""
    made = ServerCertificate(folder / "server.pem", folder / "server.key", "")
    authority = folder / "authority.pem"
    if not authority.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(made, authority, clock)
    return ServerCertificate(made.certificate, made.key, authority.read_text())


def _make(to: ServerCertificate, authority: Path, clock: Clock) -> None:
    issuer_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, server = _name("Tillgate sandbox authority"), _name("localhost")
    root = (
        _started(issuer, issuer, issuer_key, clock)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")), x509.IPAddress(ip_address("::1"))]
    leaf = (
        _started(server, issuer, server_key, clock)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    private = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    to.key.touch(mode=0o600)
    to.key.write_bytes(private)
    to.certificate.write_bytes(leaf.public_bytes(Encoding.PEM))
    authority.write_bytes(root.public_bytes(Encoding.PEM))


def _started(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, clock: Clock
) -> x509.CertificateBuilder:
    now = clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _YEARS)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
