"""No float beside money: an amount is a whole number of minor units from the first byte to the last."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.tidy.source import Finding, Function, Source, at

_MONEY = re.compile(r"(?:^|_)(?:minor|amount|amounts|fen)$")


def no_float_money(source: Source) -> Iterator[Finding]:
    """Find money that is annotated as float, set from one, compared with one, or divided with `/`."""
    for node in ast.walk(source.tree):
        if why := _broken(node):
            yield at(source, node, why)


def is_money(node: ast.AST | None) -> bool:
    """Whether a name, an attribute, a key or a call is money by its name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            return bool(_MONEY.search(name))
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return bool(_MONEY.search(key))
        case ast.Call(func=func):
            return is_money(func)
        case ast.UnaryOp(operand=operand):
            return is_money(operand)
    return False


def _broken(node: ast.AST) -> str:  # noqa: PLR0911 - one line for each way to bring a float to money
    match node:
        case ast.arg(annotation=note) | ast.AnnAssign(annotation=note) if _target_is_money(node) and _is_float_type(
            note
        ):
            return "an amount is never a float"
        case ast.Assign(value=value) | ast.AnnAssign(value=value) if _target_is_money(node) and _has_float(value):
            return "an amount is never made of a float"
        case ast.keyword(arg=str(name), value=value) if _MONEY.search(name) and _has_float(value):
            return "an amount is never made of a float"
        case ast.BinOp(op=ast.Div(), left=left, right=right) if is_money(left) or is_money(right):
            return "money is divided by split or with an explicit rounding, never with /"
        case ast.BinOp(left=left, right=right) if _mixes(left, right):
            return "an amount never meets a float"
        case ast.Compare(left=left, comparators=others) if any(_mixes(left, other) for other in others):
            return "an amount is never compared with a float"
        case ast.Call(func=ast.Name(id="float"), args=[value, *_]) if any(is_money(part) for part in ast.walk(value)):
            return "money never becomes a float"
        case ast.FunctionDef(name=name, returns=note) | ast.AsyncFunctionDef(name=name, returns=note) if _MONEY.search(
            name
        ) and _is_float_type(note):
            return "an amount is never a float"
    return ""


def _target_is_money(node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=targets):
            return any(is_money(target) for target in targets)
        case ast.AnnAssign(target=target):
            return is_money(target)
        case ast.arg():
            return is_money(node)
    return False


def _is_float_type(note: ast.expr | None) -> bool:
    return note is not None and any(isinstance(part, ast.Name) and part.id == "float" for part in ast.walk(note))


def _has_float(value: ast.expr | None) -> bool:
    return value is not None and any(_is_float(part) for part in ast.walk(value) if not isinstance(part, Function))


def _is_float(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=float()) | ast.Call(func=ast.Name(id="float")):
            return True
    return False


def _mixes(one: ast.AST, other: ast.AST) -> bool:
    return (is_money(one) and _is_float(other)) or (is_money(other) and _is_float(one))
