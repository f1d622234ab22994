"""Permission items that the code itself asks for: one line each, the only home of their codes (rows P62, P64).

At start every member becomes a row of `permission_item` that belongs to the system. Who has an item is data (roles,
grants, denials, API keys); that an endpoint needs one is code (`Route.permission`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self


class Permission(StrEnum):
    """A permission item: code, title in Chinese and English, and whether only operators may ever have it.

    Operators are the users and API keys of the platform and of institutions. What is not within a party's subtree
    (files, channels, roles) is for operators.
    """

    title_zh: str
    title_en: str
    for_operators: bool

    def __new__(cls, code: str, title_zh: str, title_en: str, for_operators: bool = False) -> Self:  # noqa: FBT001, FBT002 - a tuple has no names
        """Make a member whose value is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.title_zh, member.title_en, member.for_operators = title_zh, title_en, for_operators
        return member

    ACCOUNTS_READ = "accounts:read", "查看账户", "See balances and bank cards"
    PAYMENTS_READ = "payments:read", "查看交易", "See payments"
    ACQUIRING_WRITE = "acquiring:write", "受理交易", "Take payments for a merchant's terminals and settle their batches"
    WITHDRAWALS_READ = "withdrawals:read", "查看提现", "See withdrawals"
    WITHDRAWALS_WRITE = "withdrawals:write", "发起提现", "Ask for and confirm withdrawals"
    EVENTS_READ = "events:read", "查看事件", "Read the event feed"
    CHANNELS_READ = "channels:read", "查看渠道", "See channels", True
    FILES_READ = "files:read", "查看文件", "See files to and from banks", True
    FILES_WRITE = "files:write", "处理文件", "Cut off, fetch and hand in files", True
    RECONCILIATION_READ = "reconciliation:read", "查看对账", "See batches and differences", True
    RECONCILIATION_WRITE = "reconciliation:write", "执行对账", "Reconcile and resolve differences", True
    DAYS_WRITE = "days:write", "日切", "Close book days", True
    USERS_READ = "users:read", "查看用户", "See users"
    USERS_WRITE = "users:write", "管理用户", "Add, edit, lock and close users, and give them rights"
    ROLES_READ = "roles:read", "查看角色", "See roles and permission items"
    ROLES_WRITE = "roles:write", "管理角色", "Add, edit and delete roles", True
    PERMISSIONS_WRITE = "permissions:write", "管理权限项", "Add, edit and delete permission items", True
    MENUS_WRITE = "menus:write", "管理菜单", "Add, edit and delete menu entries", True
    INTERCEPTION_READ = "interception:read", "查看拦截规则", "See interception rules", True
    INTERCEPTION_WRITE = "interception:write", "管理拦截规则", "Add, edit and delete interception rules", True
    API_KEYS_READ = "api-keys:read", "查看接口密钥", "See API keys"
    API_KEYS_WRITE = "api-keys:write", "管理接口密钥", "Give out API keys and take them back"
    REFUSED_READ = "refused:read", "查看被拒报文", "See messages of terminals that were refused"
    AUDIT_READ = "audit:read", "查看审计记录", "See the audit trail"
    APPROVALS_READ = "approvals:read", "查看复核", "See proposals that need a second person"
    APPROVALS_DECIDE = "approvals:decide", "办理复核", "Approve and refuse what one may decide, withdraw, delegate"
    CONFIGURATION_READ = "configuration:read", "查看参数与字典", "See parameters and dictionaries"
    CONFIGURATION_WRITE = "configuration:write", "修改参数", "Set parameters; sensitive ones are proposed", True
    CONFIGURATION_APPROVE = "configuration:approve", "复核参数", "Decide proposed changes of parameters", True
    DICTIONARIES_WRITE = "dictionaries:write", "维护字典", "Add, edit and delete entries of dictionaries", True
    MERCHANTS_READ = "merchants:read", "查看商户", "See merchants, their documents, shops and terminals"
    MERCHANTS_WRITE = "merchants:write", "维护商户", "Take merchants on, edit their files, submit and suspend them"
    MERCHANTS_APPROVE = "merchants:approve", "复核商户", "Decide openings, closings, bank cards and rates", True
    TASKS_READ = "tasks:read", "查看批量任务", "See batch tasks, schedules and remote sources", True
    TASKS_WRITE = "tasks:write", "办理批量任务", "Start, cancel and reset tasks, and set their schedules", True
    KEYS_APPROVE = "keys:approve", "复核密钥", "Decide keys that were entered or made", True
    SOURCES_WRITE = "sources:write", "维护数据源", "Take on and close remote sources", True


class Open(StrEnum):
    """What an operation asks instead of a permission."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"


READING: Final = frozenset(
    {Permission.ACCOUNTS_READ, Permission.PAYMENTS_READ, Permission.WITHDRAWALS_READ, Permission.EVENTS_READ}
)
# what a merchant's or an agent's own system is given, and what an operator's is
PARTY_PERMISSIONS: Final[frozenset[str]] = READING | {Permission.WITHDRAWALS_WRITE, Permission.ACQUIRING_WRITE}
OPERATOR_PERMISSIONS: Final[frozenset[str]] = frozenset(Permission) - {Permission.WITHDRAWALS_WRITE}
