"""The handlers in a module, found by reading its source without running it."""

import ast
import hashlib
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

from mission_control.files.outside_file import read_outside_file
from mission_control.model.values.handler_paths import is_handler_name

LARGEST_SOURCE_BYTES = 1024 * 1024
DIGEST_LETTERS = 12
_ONE_AT_A_TIME = threading.Lock()
"""Threads share the filters of warnings and, in Python 3.11, the depth that the parser counts."""

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class HandlerSource:
    """A handler, or a function that cannot be one, as found in its file, whose content `digest` identifies.

    `problem` says why it cannot be used; it is None if it can. A module that cannot be read has one entry
    for the whole module, with an empty `function`.
    """

    path: str
    file: Path
    problem: str | None = None
    function: str = ""
    line: int = 1
    summary: str = ""
    digest: str = ""

    @property
    def is_listed(self) -> bool:
        """Whether it is a handler or must be one: a `run` that cannot be called, or a whole module."""
        return self.problem is None or self.function in {"", "run"}


def read_module(file: Path, module: str) -> tuple[HandlerSource, ...]:
    """Read the functions and classes in `file` as those of the module `handlers.<module>`.

    A handler is a public function, defined at the top level of the file itself, that can be called with
    one positional argument. Nothing is imported or run.
    """
    name, digest = f"handlers.{module}", ""
    try:
        content = read_outside_file(file, LARGEST_SOURCE_BYTES)
        digest = hashlib.sha256(content).hexdigest()[:DIGEST_LETTERS]
        tree = _parsed(content, file)
    except SyntaxError as error:
        line = error.lineno if error.lineno is not None else 1
        problem = f"{file} line {line}: {error.msg}"
        return (HandlerSource(name, file, problem, line=line, digest=digest),)
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        return (HandlerSource(name, file, f"{file} cannot be read: {reason}", digest=digest),)
    definitions = [one for one in tree.body if isinstance(one, _Definition)]
    found = {one.name: _handler(one, file, module, digest) for one in definitions}
    return tuple(found.values())


def _parsed(content: bytes, file: Path) -> ast.Module:
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        # The compiler's warnings (about an invalid escape, say) are for the author of the module.
        warnings.simplefilter("ignore")
        return ast.parse(content, filename=str(file))


def _handler(node: _Definition, file: Path, module: str, digest: str) -> HandlerSource:
    path, fault = f"handlers.{module}.{node.name}", _fault(node)
    return HandlerSource(
        path,
        file,
        f"{path!r} is not a handler: it {fault} ({file}, line {node.lineno})" if fault else None,
        function=node.name,
        line=node.lineno,
        digest=digest,
        summary=(ast.get_docstring(node) or "").partition("\n")[0].strip(),
    )


def _fault(node: _Definition) -> str | None:
    if isinstance(node, ast.ClassDef):
        return "is a class; write a function `def run(context)`"
    if not is_handler_name(node.name):
        return "is private; a handler's name begins with a letter"
    if not _takes_one_argument(node.args):
        return "cannot be called with one argument; write `def run(context)`"
    return None


def _takes_one_argument(arguments: ast.arguments) -> bool:
    positional = len(arguments.posonlyargs) + len(arguments.args)
    required = positional - len(arguments.defaults)
    keywords_required = any(default is None for default in arguments.kw_defaults)
    return required <= 1 and (positional >= 1 or arguments.vararg is not None) and not keywords_required
