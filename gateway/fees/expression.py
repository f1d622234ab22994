"""Formulas: conditions and expressions as operators write them, in a small safe language with exact decimals.

A formula knows names, numbers, texts, + - * / %, comparisons, and/or/not, `in (…)`, `a if b else c`, and min, max, abs.
Source: rows S39, S40; the language is a whitelist over simpleeval.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, DecimalException

from simpleeval import InvalidExpression, SimpleEval

LONGEST = 500
DEEPEST = 40
_LONGEST_NUMBER = 17

Value = Decimal | str | bool

_NODES = (
    ast.Expr,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.Name,
    ast.IfExp,
    ast.Call,
    ast.Constant,
    ast.Tuple,
    ast.List,
)
_MARKS = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)
_OPERATORS: dict[type[ast.AST], Callable[..., object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
    ast.LtE: operator.le,
    ast.In: lambda value, among: value in among,
    ast.NotIn: lambda value, among: value not in among,
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.And: operator.and_,
    ast.Or: operator.or_,
}
_FUNCTIONS: dict[str, Callable[..., object]] = {"min": min, "max": max, "abs": abs}
_FAULTS = (InvalidExpression, DecimalException, TypeError, ValueError, KeyError, RecursionError)


class FormulaError(ValueError):
    """A formula cannot be taken or cannot be worked out; the text says why, for the person who wrote it."""


class _Evaluator(SimpleEval):  # type: ignore[misc]  # simpleeval has no types
    """simpleeval cut down to the whitelist, with exact numbers."""

    nodes: dict[type[ast.AST], Callable[..., object]]

    def __init__(self) -> None:
        super().__init__(operators=_OPERATORS, functions=_FUNCTIONS, names={})
        self.nodes = {kind: rule for kind, rule in self.nodes.items() if kind in _NODES}
        self.nodes |= {ast.Constant: _constant, ast.Tuple: self._several, ast.List: self._several}

    def work_out(self, text: str, tree: ast.Expr, names: Mapping[str, Value]) -> object:
        self.names = names
        return self.eval(text, previously_parsed=tree)

    def _several(self, node: ast.Tuple | ast.List) -> list[object]:
        return [self._eval(each) for each in node.elts]


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was parsed and checked; `names` are those it needs. It belongs to one thread."""

    text: str
    names: frozenset[str]
    tree: ast.Expr = field(repr=False, compare=False)
    evaluator: _Evaluator = field(repr=False, compare=False)


def _constant(node: ast.Constant) -> Value:
    if isinstance(node.value, bool | str):
        return node.value
    return Decimal(repr(node.value))


def compile_formula(text: str, known: frozenset[str]) -> Formula:
    """Parse `text` and check it: language, length, depth, every name one of `known`. Raises FormulaError."""
    tree = _parse(text)
    names = _checked(tree, text)
    unknown = sorted(names - known)
    if unknown:
        raise FormulaError(f"unknown name {unknown[0]!r}: known are {', '.join(sorted(known))}")
    return Formula(text=text, names=names, tree=tree, evaluator=_Evaluator())


def _parse(text: str) -> ast.Expr:
    if len(text) > LONGEST:
        raise FormulaError(f"a formula has at most {LONGEST} characters, this one has {len(text)}")
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        raise FormulaError(f"not a formula: {_where(fault)}") from fault
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise FormulaError("not a formula: one expression is expected, without assignments")
    return body[0]


def _where(fault: BaseException) -> str:
    if isinstance(fault, SyntaxError) and fault.offset is not None:
        return f"{fault.msg} at character {fault.offset}"
    return type(fault).__name__


def _checked(tree: ast.Expr, text: str) -> frozenset[str]:
    names: set[str] = set()
    pending: list[tuple[ast.AST, int]] = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        if depth > DEEPEST:
            raise FormulaError(f"a formula is at most {DEEPEST} levels deep")
        called = _check(node, text)
        if isinstance(node, ast.Name):
            names.add(node.id)
        pending.extend((each, depth + 1) for each in ast.iter_child_nodes(node) if each is not called)
    return frozenset(names)


def _check(node: ast.AST, text: str) -> ast.AST | None:
    """Refuse what is outside the language; return the child that names a function and is no name of a fact."""
    if isinstance(node, _MARKS):
        if not isinstance(node, ast.expr_context) and type(node) not in _OPERATORS:
            raise FormulaError(f"{type(node).__name__} is not part of the language")
        return None
    if not isinstance(node, _NODES):
        raise FormulaError(f"{type(node).__name__} is not part of the language")
    if isinstance(node, ast.Constant):
        _check_constant(node, text)
    if isinstance(node, ast.Call):
        return _check_call(node)
    return None


def _check_constant(node: ast.Constant, text: str) -> None:
    if not isinstance(node.value, bool | str | int | float):
        raise FormulaError(f"{node.value!r} is neither a number nor a text")
    if isinstance(node.value, bool | str):
        return
    written = text.strip()[node.col_offset : node.end_col_offset]
    if sum(letter.isdigit() for letter in written) > _LONGEST_NUMBER:
        raise FormulaError(f"a number has at most {_LONGEST_NUMBER} digits")
    if not Decimal(repr(node.value)).is_finite():
        raise FormulaError(f"the number {written} is too large")


def _check_call(node: ast.Call) -> ast.AST:
    if not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS:
        raise FormulaError(f"only {', '.join(sorted(_FUNCTIONS))} can be called")
    if node.keywords or not node.args:
        raise FormulaError(f"{node.func.id} takes its values one after the other")
    return node.func


def work_out(formula: Formula, names: Mapping[str, Value]) -> Value:
    """Work the formula out over `names`. Raises FormulaError where it cannot be, or is not finite."""
    missing = sorted(formula.names - names.keys())
    if missing:
        raise FormulaError(f"the fact {missing[0]!r} was not given")
    try:
        value = formula.evaluator.work_out(formula.text, formula.tree, names)
    except _FAULTS as fault:
        raise FormulaError(f"{formula.text!r} cannot be worked out: {type(fault).__name__}: {fault}") from fault
    if isinstance(value, Decimal) and not value.is_finite():
        raise FormulaError(f"{formula.text!r} has no finite value")
    if not isinstance(value, Decimal | str | bool):
        raise FormulaError(f"{formula.text!r} is not a number, a text or a yes or no")
    return value


def number(formula: Formula, names: Mapping[str, Value]) -> Decimal:
    """Work out a formula that must be a number. Raises FormulaError."""
    value = work_out(formula, names)
    if isinstance(value, bool) or not isinstance(value, Decimal):
        raise FormulaError(f"{formula.text!r} is not a number")
    return value


def holds(formula: Formula, names: Mapping[str, Value]) -> bool:
    """Work out a condition. Raises FormulaError where it is not a yes or no."""
    value = work_out(formula, names)
    if not isinstance(value, bool):
        raise FormulaError(f"{formula.text!r} is not a yes or no")
    return value
