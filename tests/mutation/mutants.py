"""Mutants of functions: one small change of the source each, put in the place of the function's code."""

from __future__ import annotations

import ast
import inspect
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPERATORS: dict[type[ast.AST], type[Any]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """A function with one change: the `number`th that can be made in it."""

    module: str
    function: str
    number: int
    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.module}.{self.function}, line {self.line}: {self.words}"

    def install(self) -> None:
        """Put it in the place of the function, wherever that is known by now."""
        module = import_module(self.module)
        tree = ast.parse(inspect.getsource(module))
        found = dict(_functions(tree))[self.function]
        _change(list(_places(found))[self.number])
        code = _code_of(compile(tree, str(module.__file__), "exec"), self.function)
        function = _function(module, self.function)
        function.__code__ = code


def mutants_of(module: str) -> list[Mutant]:
    """Return all mutants of a module's functions."""
    tree = ast.parse(inspect.getsource(import_module(module)))
    return [
        Mutant(module, name, number, place.lineno, _words(place))
        for name, function in _functions(tree)
        for number, place in enumerate(_places(function))
    ]


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for one in node.body:
                if isinstance(one, ast.FunctionDef):
                    yield f"{node.name}.{one.name}", one


def _places(function: ast.FunctionDef) -> Iterator[Any]:
    """Give the nodes of a function's body that can be changed."""
    for statement in function.body:
        for node in ast.walk(statement):
            match node:
                case ast.Compare(ops=[operator]) | ast.BoolOp(op=operator) | ast.BinOp(op=operator):
                    if type(operator) in _OPERATORS:
                        yield node
                case ast.UnaryOp(op=ast.Not()) | ast.IfExp() | ast.If():
                    yield node
                case ast.Constant(value=bool() | int()):
                    yield node
                case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
                    yield node


def _change(node: Any) -> None:  # a node that `_places` gives
    match node:
        case ast.Compare():
            node.ops = [_OPERATORS[type(node.ops[0])]()]
        case ast.BoolOp(op=operator) | ast.BinOp(op=operator):
            node.op = _OPERATORS[type(operator)]()
        case ast.UnaryOp():
            node.op, node.operand = ast.Not(), ast.copy_location(ast.UnaryOp(ast.Not(), node.operand), node)
        case ast.IfExp():
            node.body, node.orelse = node.orelse, node.body
        case ast.If():
            node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node)
        case ast.Constant(value=bool() as value):
            node.value = not value
        case ast.Constant(value=int() as value):
            node.value = value + 1
        case _:
            node.func.id = _CALLS[node.func.id]


def _words(node: ast.AST) -> str:
    changed = deepcopy(node)
    _change(changed)
    before, after = (ast.unparse(one).splitlines()[0] for one in (node, ast.fix_missing_locations(changed)))
    return f"{before} -> {after}"


def _code_of(code: CodeType, function: str) -> CodeType:
    for name in function.split("."):
        code = next(one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == name)
    return code


def _function(module: object, function: str) -> FunctionType:
    *owners, name = function.split(".")
    for owner in owners:
        module = getattr(module, owner)
    found: Any = vars(module)[name]
    if hasattr(found, "cache_clear"):
        found.cache_clear()
    for wrapper in ("fget", "__func__", "__wrapped__", "func"):
        found = getattr(found, wrapper, None) or found
    assert isinstance(found, FunctionType), function
    return found
