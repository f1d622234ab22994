from __future__ import annotations

import base64

import pytest

from gateway.access import Algorithm
from gateway.web.algorithms import hmac_is_good, signature_is_good
from gateway.web.signature_base import AnswerParts, RequestParts, UncoveredError, components, signature_base
from gateway.web.structured import InnerList, Item

REQUEST = RequestParts(
    method="POST",
    target_uri="https://pay.example/v1/withdrawals?x=1",
    headers={"content-digest": "sha-256=:AA==:", "date": "  Tue, 20 Apr 2021 02:07:55 GMT ", "x-list": "a, b"},
)


def test_a_request_is_one_line_a_component():
    covered = InnerList(components("@method", "@target-uri", "date", "x-list"), {"created": 1, "keyid": "k"})
    assert signature_base(REQUEST, covered).decode().split("\n") == [
        '"@method": POST',
        '"@target-uri": https://pay.example/v1/withdrawals?x=1',
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"x-list": a, b',
        '"@signature-params": ("@method" "@target-uri" "date" "x-list");created=1;keyid="k"',
    ]


def test_an_answer_is_bound_to_its_request():
    answer = AnswerParts(status=422, headers={"content-digest": "sha-256=:BB==:"}, request=REQUEST)
    covered = InnerList(components("@status", "content-digest", of_request=("@method", "content-digest")))
    assert signature_base(answer, covered).decode().split("\n") == [
        '"@status": 422',
        '"content-digest": sha-256=:BB==:',
        '"@method";req: POST',
        '"content-digest";req: sha-256=:AA==:',
        '"@signature-params": ("@status" "content-digest" "@method";req "content-digest";req)',
    ]


@pytest.mark.parametrize(
    "item",
    [
        Item("@status"),
        Item("@query"),
        Item("x-none"),
        Item("Date"),
        Item("date", {"sf": True}),
        Item("date", {"req": True}),
        Item(5),
        Item(b"date"),
    ],
)
def test_what_a_request_does_not_have_cannot_be_covered(item):
    with pytest.raises(UncoveredError):
        signature_base(REQUEST, InnerList((item,)))


def test_nothing_is_covered_twice():
    with pytest.raises(UncoveredError, match="twice"):
        signature_base(REQUEST, InnerList(components("date", "date")))


# RFC 9421 appendices B.1.4, B.1.5 (keys), B.2.5 and B.2.6 (signatures)
ED25519_KEY = base64.b64decode("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
ED25519_BASE = b"""\
"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")\
;created=1618884473;keyid="test-key-ed25519\""""
ED25519_SIGNATURE = base64.b64decode(
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
)
HMAC_SECRET = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
HMAC_BASE = b"""\
"date": Tue, 20 Apr 2021 02:07:55 GMT
"@authority": example.com
"content-type": application/json
"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret\""""
HMAC_SIGNATURE = base64.b64decode("pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=")


def test_published_signatures_hold():
    assert signature_is_good(Algorithm.ED25519, ED25519_KEY, ED25519_BASE, ED25519_SIGNATURE)
    assert hmac_is_good(HMAC_SECRET, HMAC_BASE, HMAC_SIGNATURE)


def test_changed_ones_do_not():
    assert not signature_is_good(Algorithm.ED25519, ED25519_KEY, ED25519_BASE + b" ", ED25519_SIGNATURE)
    assert not signature_is_good(Algorithm.ED25519, ED25519_KEY, ED25519_BASE, ED25519_SIGNATURE[:-1])
    assert not hmac_is_good(HMAC_SECRET, HMAC_BASE + b" ", HMAC_SIGNATURE)
    assert not hmac_is_good(HMAC_SECRET, HMAC_BASE, HMAC_SIGNATURE[:16])
