"""Values that stand in the source of a Python program, read without running any of it."""

import ast
import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from mission_control.errors import TaskFileError
from mission_control.operate.importing.imported import UnmappableError

_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


_LARGEST: Final = 10**15


@dataclass(frozen=True)
class Called:
    """A call in the source, such as `crontab(minute=0)`, by the last part of its name."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]


@dataclass
class PythonSource:
    """The source of a program, and the values of its global names, as far as they stand there."""

    tree: ast.Module
    _names: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parsed(cls, text: str, source: str) -> "PythonSource":
        """Return a source.

        Raises:
            TaskFileError: it is not Python.
        """
        try:
            found = cls(ast.parse(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise TaskFileError(f"{source}: is not Python: {error}") from error
        for statement in found.tree.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() | ast.BinOp() as value):
                    try:
                        found._names[name] = found.value(value)
                    except UnmappableError:
                        found._names.pop(name, None)
        return found

    def value(self, node: ast.expr) -> Any:  # noqa: ANN401  # whatever stands there
        """Return the value of an expression: literals, arithmetic of numbers, global names and calls.

        Raises:
            UnmappableError: it is computed as the program runs.
        """
        try:
            return self._value(node)
        except (TypeError, RecursionError) as error:  # a key that cannot be one, or a very long sum
            raise UnmappableError("is known only when the program runs") from error

    def _value(self, node: ast.expr) -> Any:  # noqa: ANN401
        match node:
            case ast.Constant(value=found):
                return found
            case ast.Name(id=name) if name in self._names:
                return self._names[name]
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self._computed(node, 0, self.value(inner), operator.sub)
            case ast.BinOp(left=left, op=how, right=right) if type(how) in _ARITHMETIC:
                return self._computed(node, self.value(left), self.value(right), _ARITHMETIC[type(how)])
        return self._several(node)

    def _several(self, node: ast.expr) -> Any:  # noqa: ANN401
        match node:
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return [self.value(one) for one in items]
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return {
                    self.value(key): self.value(one) for key, one in zip(keys, values, strict=True) if key
                }
            case ast.Call(func=called, args=args, keywords=keywords) if all(one.arg for one in keywords):
                kwargs = {str(one.arg): self.value(one.value) for one in keywords}
                return Called(name_of(called).rpartition(".")[2], [self.value(one) for one in args], kwargs)
        raise _unknown(node)

    @staticmethod
    def _computed(node: ast.expr, left: object, right: object, how: Callable[[Any, Any], Any]) -> Any:  # noqa: ANN401
        if isinstance(left, int | float) and isinstance(right, int | float):
            with suppress(ArithmeticError):
                if abs(found := how(left, right)) < _LARGEST:
                    return found
        raise _unknown(node)


def name_of(node: ast.expr) -> str:
    """Return the dotted name that an expression is, or ""."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=name):
            return f"{name_of(inner)}.{name}".lstrip(".")
    return ""


def _unknown(node: ast.expr) -> UnmappableError:
    return UnmappableError(f"`{ast.unparse(node)[:60]}` is known only when the program runs")
