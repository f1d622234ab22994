"""Where a request comes from, and who may say so."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.origin import origin

OURS = [ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "found"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        # whoever is no proxy of ours says what they like
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        # what stands before the address that our proxy saw was written by that address
        ("10.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("2001:db8:1::9", "[2001:db8:2::1]:4711", "2001:db8:2::1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_first_that_no_proxy_of_ours_vouches_for(peer, forwarded_for, found):
    assert origin(peer, forwarded_for, OURS) == found


@given(forwarded_for=st.text())
def test_nobody_else_is_believed_whatever_they_write(forwarded_for):
    assert origin("203.0.113.7", forwarded_for, OURS) == "203.0.113.7"
    assert origin("203.0.113.7", forwarded_for, []) == "203.0.113.7"


@given(claimed=st.text(alphabet="0123456789abcdef.:, []", max_size=60))
def test_what_a_caller_writes_before_our_proxys_word_counts_for_nothing(claimed):
    assert origin("10.0.0.1", f"{claimed}, 198.51.100.9", OURS) == "198.51.100.9"
