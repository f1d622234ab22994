#!/usr/bin/env python3
"""Calls the Tillgate HTTP API: signs the request, checks the answer's signature, prints the body.

Needs Python 3.11 and the package `cryptography`, nothing else.

    client.py --url https://pay.example --keyid shop-1 --key shop-1.pem GET /v1/accounts
    client.py --url https://pay.example --keyid shop-1 --key shop-1.pem --once 7f0c POST /v1/withdrawals \
        '{"party": "pty_…", "amount": {"minor": 100000, "unit": "CNY"}, "bank_card": "crd_…"}'

`--key` is a private key in PEM (Ed25519, RSA for rsa-pss-sha512, P-256), or with `--alg hmac-sha256` a file holding the
secret in base64. `--answer-key` pins the public key of the answers; without it the key is asked for at /v1/keys.
Send a command again with the same `--once` until there is an answer: it is done once.
Exit code: 0 done, 1 refused, 3 not reached, 4 the answer's signature is wrong.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import re
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key


def content_digest(body: bytes) -> str:
    """RFC 9530."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


class Signer:
    """Signs by the algorithm of its key."""

    def __init__(self, keyid: str, path: Path, algorithm: str | None) -> None:
        self.keyid = keyid
        if algorithm == "hmac-sha256":
            self.algorithm, self._secret = algorithm, base64.b64decode(path.read_text())
        else:
            self._private = load_pem_private_key(path.read_bytes(), password=None)
            kinds = {ed25519.Ed25519PrivateKey: "ed25519", rsa.RSAPrivateKey: "rsa-pss-sha512"}
            self.algorithm = next((n for k, n in kinds.items() if isinstance(self._private, k)), "ecdsa-p256-sha256")

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data` in the form that RFC 9421 asks for."""
        if self.algorithm == "hmac-sha256":
            return hmac.digest(self._secret, data, "sha256")
        key = self._private
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(data)
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512())
        if isinstance(key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        raise SystemExit("this kind of key does not sign for any of the API's algorithms")


def signed_headers(signer: Signer, method: str, url: str, body: bytes, once: str | None) -> dict[str, str]:
    """Return the headers of a signed request (RFC 9421)."""
    headers: dict[str, str] = {}
    covered = {"@method": method, "@target-uri": url}
    if body:
        headers["Content-Type"] = "application/json"
        headers["Content-Digest"] = covered["content-digest"] = content_digest(body)
    if once is not None:
        headers["Idempotency-Key"] = covered["idempotency-key"] = once
    names = " ".join(f'"{name}"' for name in covered)
    parameters = (
        f"({names});created={int(time.time())}"
        f';keyid="{signer.keyid}";alg="{signer.algorithm}";nonce="{secrets.token_urlsafe(16)}"'
    )
    lines = [f'"{name}": {value}' for name, value in covered.items()]
    base = "\n".join([*lines, f'"@signature-params": {parameters}'])
    headers["Signature-Input"] = f"sig1={parameters}"
    headers["Signature"] = f"sig1=:{base64.b64encode(signer.sign(base.encode())).decode()}:"
    return headers


@dataclass(frozen=True)
class Answer:
    """An answer as it came, not checked yet."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def call(method: str, url: str, headers: dict[str, str], body: bytes, ca: str | None) -> Answer:
    """Send a request; a refusal is an answer too."""
    context = ssl.create_default_context(cafile=ca) if url.startswith("https:") else None
    request = urllib.request.Request(url, data=body or None, headers=headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:  # noqa: S310
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.headers, refused.read())


def answer_is_good(answer: Answer, method: str, url: str, keys: Mapping[str, bytes]) -> bool:
    """Check an answer's digest and signature: they bind status and body to the request that was sent."""
    parameters = answer.headers.get("Signature-Input", "").removeprefix("sig1=")
    keyid = re.search(r';keyid="([^"]*)"', parameters)
    digest = answer.headers.get("Content-Digest", "")
    covered = '("@status" "content-digest" "@method";req "@target-uri";req);'
    if keyid is None or keyid[1] not in keys or not parameters.startswith(covered):
        return False
    base = (
        f'"@status": {answer.status}\n"content-digest": {digest}\n'
        f'"@method";req: {method}\n"@target-uri";req: {url}\n"@signature-params": {parameters}'
    ).encode()
    signature = base64.b64decode(answer.headers.get("Signature", "").removeprefix("sig1=").strip(":"))
    public = load_pem_public_key(keys[keyid[1]])
    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, base)
        elif isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, base, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return digest == content_digest(answer.body)


def answer_keys(address: str, ca: str | None) -> dict[str, bytes]:
    """Return the keys of the answers by name. Over TLS they are as trustworthy as the server's certificate."""
    listed = json.loads(call("GET", f"{address}/v1/keys", {}, b"", ca).body)
    return {key["keyid"]: key["public_key"].encode() for key in listed["keys"]}


def main() -> int:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", required=True, help="the API's public address, without a slash at the end")
    options.add_argument("--keyid", required=True)
    options.add_argument("--key", required=True, type=Path)
    options.add_argument("--alg", help="hmac-sha256; the others are told by the key")
    options.add_argument("--once", help="the Idempotency-Key; one is made for a POST where it is left out")
    options.add_argument("--answer-key", nargs=2, metavar=("KEYID", "FILE"), help="pin the key of the answers")
    options.add_argument("--ca", help="certificates to trust, in PEM")
    options.add_argument("method", choices=["GET", "POST"])
    options.add_argument("path")
    options.add_argument("body", nargs="?", default="")
    given = options.parse_args()
    url, body = given.url + given.path, given.body.encode()
    once = given.once or secrets.token_urlsafe(16) if given.method == "POST" else None
    headers = signed_headers(Signer(given.keyid, given.key, given.alg), given.method, url, body, once)
    try:
        pinned = given.answer_key
        keys = {pinned[0]: Path(pinned[1]).read_bytes()} if pinned else answer_keys(given.url, given.ca)
        answer = call(given.method, url, headers, body, given.ca)
    except urllib.error.URLError as error:
        print(f"not reached: {error.reason}", file=sys.stderr)
        return 3
    if not answer_is_good(answer, given.method, url, keys):
        print("the answer's signature is wrong: do not believe it", file=sys.stderr)
        return 4
    print(json.dumps(json.loads(answer.body), indent=2, ensure_ascii=False))
    return 0 if answer.status < 400 else 1


if __name__ == "__main__":
    sys.exit(main())
