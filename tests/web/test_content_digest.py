from __future__ import annotations

import pytest

from gateway.web.content_digest import content_digest, digest_fault

# RFC 9530 appendix B: the body {"hello": "world"} and a line feed
BODY = b'{"hello": "world"}\n'
SHA_256 = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
SHA_512 = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"


def test_the_published_digest_is_made():
    assert content_digest(BODY) == SHA_256


@pytest.mark.parametrize("header", [SHA_256, SHA_512, f"{SHA_256}, {SHA_512}", f"md5=:AA==:, {SHA_256}"])
def test_digests_of_the_body_hold(header):
    assert digest_fault(header, BODY) is None


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("", "neither"),
        ("md5=:AA==:", "neither"),
        ("sha-256", "not the sha-256"),
        ('sha-256="RK"', "not the sha-256"),
        ("sha-256=()", "not the sha-256"),
        ("sha-256=:AA==:", "not the sha-256"),
        (f"{SHA_256}, sha-512=:AA==:", "not the sha-512"),
        ("sha-256=:", "cannot be read"),
    ],
)
def test_other_digests_are_named(header, says):
    assert says in (digest_fault(header, BODY) or "")


def test_a_digest_of_another_body_is_found_out():
    assert digest_fault(SHA_256, BODY + b" ")
    assert digest_fault(SHA_512, b"")
