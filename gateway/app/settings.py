"""The sections of the settings as the records that rooms take."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network

from gateway.access import UserRules
from gateway.app.growth import GrowthSettings
from gateway.clearing.files import FileSettings
from gateway.clearing.settings import RoadSettings
from gateway.journal import JournalSettings
from gateway.kernel.settings import Settings, SettingsError
from gateway.tasks import BackOff
from gateway.web import WebSettings

_CLOSE_BEFORE_SHARE = 40
_CLOSE_BEFORE_LEAST_S = 0.1
_CLOSE_BEFORE_MOST_S = 0.5
_FILE_LOOKS = 5


def road_settings(settings: Settings) -> RoadSettings:
    """How long the road of a payment waits."""
    section = settings.clearing
    budget_s = settings.terminals.answer_within_ms / 1000
    return RoadSettings(
        bank_within_s=section.bank_within_ms / 1000,
        query_after_s=tuple(ms / 1000 for ms in section.query_after_ms),
        close_before_s=min(max(budget_s / _CLOSE_BEFORE_SHARE, _CLOSE_BEFORE_LEAST_S), _CLOSE_BEFORE_MOST_S),
        recover_after_s=section.recover_after_ms / 1000,
        hold_days=section.hold_days,
        completion_most_percent=section.completion_most_percent,
        ask_again_s=float(section.ask_again_s),
        lane_least_s=section.lane_back_off_least_ms / 1000,
        lane_most_s=section.lane_back_off_most_ms / 1000,
        lane_expires_s=float(section.lane_expires_s),
    )


def file_settings(settings: Settings) -> FileSettings:
    """How files are handled; what is not in a bank's folder at several looks never arrived."""
    section = settings.files
    again = timedelta(seconds=section.look_again_s)
    return FileSettings(
        piece_bytes=section.piece_bytes,
        file_most_bytes=section.file_most_bytes,
        try_again=again,
        absent_is_final_after=again * _FILE_LOOKS,
    )


def journal_settings(settings: Settings) -> JournalSettings:
    """Limits of the journal."""
    section = settings.journal
    return JournalSettings(
        batch_most=section.batch_most,
        batch_largest=section.batch_largest,
        room=section.queue_most,
        reserved=section.reserved_for_facts,
        write_within_s=section.commit_limit_ms / 1000,
        patience_s=section.in_doubt_patience_ms / 1000,
    )


def growth_settings(settings: Settings) -> GrowthSettings:
    """How long the books stay open and at hand."""
    section = settings.ledger
    return GrowthSettings(close_after=timedelta(days=section.close_after_days), keep_months=section.keep_months)


def web_settings(settings: Settings, *, public_address: str) -> WebSettings:
    """Limits of the HTTP doors, which clients call at `public_address`."""
    section = settings.http
    return WebSettings(
        public_address=public_address,
        signature_window=timedelta(seconds=section.signature_window_s),
        requests_per_s=max(1, round(section.requests_per_s)),
        burst=section.burst,
        body_most=section.body_most,
        proxies=tuple(_networks("http.proxies", section.proxies)),
    )


def _networks(key: str, given: Iterable[str]) -> Iterable[IPv4Network | IPv6Network]:
    for one in given:
        try:
            yield ip_network(one)
        except ValueError as error:
            raise SettingsError(f"{key}: {error}; a network is written as 10.0.0.0/8") from error


def user_rules(settings: Settings) -> UserRules:
    """Passwords, tries and sessions of users."""
    section = settings.access
    return UserRules(
        password_least=section.password_least,
        password_past=section.password_past,
        one_time_for=timedelta(seconds=section.one_time_password_s),
        tries_most=section.tries,
        locked_for=timedelta(seconds=section.locked_s),
        source_tries_most=section.source_tries,
        source_window=timedelta(seconds=section.source_window_s),
        session_idle=timedelta(seconds=section.session_idle_s),
        session_life=timedelta(seconds=section.session_life_s),
        totp_needed=section.authenticator_needed,
    )


def back_off(settings: Settings) -> BackOff:
    """How timers back off after a failure."""
    section = settings.tasks
    return BackOff(
        first=timedelta(milliseconds=section.back_off_least_ms), most=timedelta(milliseconds=section.back_off_most_ms)
    )
