"""What can be approved in this installation, and who those that take part are.

Another kind (keys, templates, routes, hand-entered results) is one more line of `approvable`: an `edit_kind` where
approval edits records, a `Kind` with a pure effect where it moves money or a state.
"""

from __future__ import annotations

from datetime import timedelta

from gateway.access import Keyring, Permission
from gateway.access.approvals import Effect, Kind, Kinds, Proposal, Rights, Ruling, edit_kind
from gateway.access.authority import PLATFORM_SCOPE
from gateway.access.users import store as users
from gateway.access.users.model import PHONE_PURPOSE, User, UserState
from gateway.fees import store as fees
from gateway.journal import Change, Move
from gateway.kernel.configuration.store import PARAMETER_VALUE
from gateway.kernel.postgres.pool import Database
from gateway.kernel.postgres.trail import edits_of
from gateway.keys import KeyStore
from gateway.keys.store import NAMED_KEY
from gateway.merchants import MerchantEvent, MerchantState
from gateway.merchants.states import advance
from gateway.parties import store as parties

PARAMETER_CHANGE = "parameter.change"
BANK_CARD = "merchant.bank_card"
RATE = "merchant.rate"
KEY = "key.load"
TERMINAL_KEY = "terminal.key"
_VOID = ("mac_key", "pin_key", "previous_mac_key", "previous_pin_key", "offered_mac_key", "offered_pin_key")
_MOVES = {
    MerchantEvent.OPEN: ("商户开通", "Open a merchant"),
    MerchantEvent.REOPEN: ("商户恢复", "Reopen a suspended merchant"),
    MerchantEvent.CLOSE: ("商户销户", "Close a merchant for good"),
}
_LONGEST = timedelta(days=30)
_MOBILE = 11  # digits of a mobile number in China, without the country's 86
_GIVEN_ON = 4  # keys that give out keys


def move_kind(event: MerchantEvent) -> str:
    """Return the kind by which a merchant's move is proposed."""
    return f"merchant.{event.value}"


def approvable() -> Kinds:
    """Return every kind."""
    return Kinds(
        (
            *(_move(event, *titles) for event, titles in _MOVES.items()),
            edit_kind(
                code=BANK_CARD,
                permission=Permission.MERCHANTS_APPROVE,
                title_zh="商户银行卡变更",
                title_en="Bind or unbind a merchant's bank card",
                tables=(parties.BANK_CARD,),
                longest=_LONGEST,
            ),
            edit_kind(
                code=RATE,
                permission=Permission.MERCHANTS_APPROVE,
                title_zh="商户费率变更",
                title_en="Set a merchant's rate",
                tables=(fees.FEE_INSTANCE, fees.FEE_VERSION, fees.FEE_DETAIL),
                longest=_LONGEST,
            ),
            edit_kind(
                code=KEY,
                permission=Permission.KEYS_APPROVE,
                title_zh="密钥启用",
                title_en="Put a key into use",
                tables=(NAMED_KEY,),
                longest=_LONGEST,
            ),
            Kind(
                code=TERMINAL_KEY,
                permission=Permission.KEYS_APPROVE,
                title_zh="终端主密钥启用",
                title_en="Give a terminal its master key",
                effect=_keyed,
                longest=_LONGEST,
            ),
            edit_kind(
                code=PARAMETER_CHANGE,
                permission=Permission.CONFIGURATION_APPROVE,
                title_zh="敏感参数变更",
                title_en="Set a sensitive parameter",
                tables=(PARAMETER_VALUE,),
                longest=_LONGEST,
            ),
        )
    )


def _move(event: MerchantEvent, title_zh: str, title_en: str) -> Kind:
    return Kind(
        code=move_kind(event),
        permission=Permission.MERCHANTS_APPROVE,
        title_zh=title_zh,
        title_en=title_en,
        effect=_moved(event),
        longest=_LONGEST,
    )


def _moved(event: MerchantEvent) -> Effect:
    def effect(proposal: Proposal, ruling: Ruling) -> Change:
        state = advance(MerchantState(proposal.content["from"]), event)
        if state is None:
            message = f"a proposal to {event} a merchant that is {proposal.content['from']}"
            raise ValueError(message)
        return Change(
            id=ruling.id,
            who=ruling.who,
            why=ruling.why,
            occurred_at=ruling.at,
            records=(Move("merchant", proposal.subject, proposal.subject_version, {"state": state.value}),),
        )

    return effect


def _keyed(proposal: Proposal, ruling: Ruling) -> Change:
    """Give a terminal its master key; every working key under the one before is void, so it signs in again."""
    to = {"tmk": proposal.content["block"], **dict.fromkeys(_VOID)}
    return Change(
        id=ruling.id,
        who=ruling.who,
        why=ruling.why,
        occurred_at=ruling.at,
        records=(Move("terminal", proposal.subject, proposal.subject_version, to),),
    )


class RightsBook:
    """What somebody may do now, by the name that histories give them, and which persons may stand behind it.

    A person is known by the phone of their user; without one, each login is a person of its own. Who works at the
    command line (`system:command/<name>`) is the person of the login with that name. Behind an API key stands whoever
    gave it out, as they may know its secret.
    """

    def __init__(self, *, pool: Database, keyring: Keyring, keystore: KeyStore) -> None:
        self._pool = pool
        self._keyring = keyring
        self._keystore = keystore

    async def rights(self, who: str) -> Rights | None:
        """Return their rights, None where they are unknown or may do nothing any more."""
        kind, _, name = who.partition(":")
        match kind:
            case "user":
                return await self._of_user(name)
            case "api":
                return await self._of_key(name)
            case "system":
                everything = frozenset(Permission)
                person = await self._person(name.rpartition("/")[2])
                return Rights(permissions=everything, sees=PLATFORM_SCOPE, person=person)
            case _:
                return None

    async def persons(self, who: str) -> frozenset[str]:
        """Return the persons, also of a login that is locked and of a key that was taken back."""
        found: set[str] = set()
        for _ in range(_GIVEN_ON):
            kind, _, name = who.partition(":")
            if kind != "api":
                return frozenset(found | {await self._person(name.rpartition("/")[2])})
            found.add(who)
            who = await self._giver(name)
            if not who:
                break
        return frozenset(found)

    async def _of_user(self, login: str) -> Rights | None:
        user = await users.user_by_login(self._pool, PLATFORM_SCOPE, login)
        if user is None or user.state is not UserState.ACTIVE:
            return None
        sees = await parties.scope_of(self._pool, user.party_id)
        if sees is None:
            return None
        return Rights(permissions=user.permissions, sees=sees, person=await self._phone_or_login(user))

    async def _of_key(self, keyid: str) -> Rights | None:
        key = await self._keyring.find(keyid)
        if key is None or not key.active:
            return None
        return Rights(permissions=key.permissions, sees=key.sees, person=f"api:{keyid}")

    async def _giver(self, keyid: str) -> str:
        """Return who gave a key out; empty where a job of the house did, which is nobody."""
        key = await self._keyring.find(keyid)
        if key is None:
            return ""
        given = next((line.who for line in await edits_of(self._pool, [key.id]) if line.before is None), "")
        return given if given.startswith(("user:", "api:", "system:command/")) else ""

    async def _person(self, login: str) -> str:
        user = await users.user_by_login(self._pool, PLATFORM_SCOPE, login)
        return f"login:{login}" if user is None else await self._phone_or_login(user)

    async def _phone_or_login(self, user: User) -> str:
        if user.phone_sealed is None:
            return f"login:{user.login}"
        phone = await self._keystore.unseal(PHONE_PURPOSE, user.phone_sealed)
        return f"phone:{_national(phone.decode())}"


def _national(phone: str) -> str:
    """Return a number's digits without the country's or a trunk's, so that each number has one form."""
    digits = "".join(filter(str.isdigit, phone)).lstrip("0")
    return digits[-_MOBILE:]
