"""The example clients, run as their readers run them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

EXAMPLES = Path(__file__).parents[2] / "examples"


async def run(*command: str, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **environment},
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
def key(served, tmp_path) -> str:
    path = tmp_path / "shop.pem"
    path.write_bytes(served.shop.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(path)


@pytest.fixture
def python(served, key):
    async def call(*arguments: str, keyid: str = "shop") -> tuple[int, str, str]:
        client = [sys.executable, str(EXAMPLES / "client.py"), "--url", served.url, "--keyid", keyid]
        return await run(*client, *([] if "--key" in arguments else ["--key", key]), *arguments)

    return call


async def test_the_python_client_reads(python):
    code, out, err = await python("GET", "/v1/accounts")
    assert (code, err) == (0, "")
    assert json.loads(out)["balances"][0]["withdrawable"] == {"minor": 80_000, "unit": "CNY"}


async def test_the_python_client_asks_once_however_often_it_is_run(python, served, withdrawal_body):
    asked = ("--once", "order-1", "POST", "/v1/withdrawals", withdrawal_body.decode())
    first, again = await python(*asked), await python(*asked)
    assert first[0] == again[0] == 0
    assert json.loads(first[1]) == json.loads(again[1])
    assert len(served.withdrawals.records) == 1


async def test_the_python_client_says_when_it_is_refused(python):
    code, out, _ = await python("GET", "/v1/files")
    assert (code, json.loads(out)["code"]) == (1, "not_permitted")


async def test_the_python_client_signs_by_a_secret_too(python, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(base64.b64encode(b"s" * 32).decode())
    code, out, _ = await python("--key", str(secret), "--alg", "hmac-sha256", "GET", "/v1/accounts", keyid="machine")
    assert (code, "balances" in json.loads(out)) == (0, True)


async def test_the_python_client_believes_only_the_key_it_was_given(python, served, tmp_path):
    ours, other = tmp_path / "ours.pem", tmp_path / "other.pem"
    ours.write_text(served.listed[0].public_key)
    public = served.shop.private.public_key()
    other.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    good = await python("--answer-key", "answers-1", str(ours), "GET", "/v1/accounts")
    assert good[0] == 0
    code, out, err = await python("--answer-key", "answers-1", str(other), "GET", "/v1/accounts")
    assert (code, out) == (4, "")
    assert "do not believe it" in err


async def test_the_python_client_says_when_nobody_is_there(python, served, key):
    client = [sys.executable, str(EXAMPLES / "client.py"), "--url", "http://127.0.0.1:1", "--keyid", "shop"]
    code, _, err = await run(*client, "--key", key, "GET", "/v1/accounts")
    assert (code, "not reached" in err) == (3, True)


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("openssl")),
    reason="needs curl and openssl: apt-get install curl openssl",
)
async def test_the_shell_client_reads_and_asks(served, key, withdrawal_body):
    client = ["sh", str(EXAMPLES / "client.sh")]
    known = {"TILLGATE_URL": served.url, "TILLGATE_KEYID": "shop", "TILLGATE_KEY": key}
    code, out, err = await run(*client, "GET", "/v1/accounts?party=" + json.loads(withdrawal_body)["party"], **known)
    assert (code, err) == (0, "")
    assert json.loads(out)["balances"]
    asked = [*client, "POST", "/v1/withdrawals", withdrawal_body.decode(), "order-1"]
    first, again = await run(*asked, **known), await run(*asked, **known)
    assert json.loads(first[1]) == json.loads(again[1])
    assert json.loads(first[1])["state"] == "checked"
    assert len(served.withdrawals.records) == 1
    refused = await run(*client, "GET", "/v1/files", **known)
    assert (refused[0], json.loads(refused[1])["code"]) == (22, "not_permitted")
