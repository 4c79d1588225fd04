"""How an engine kernel is compiled: its parts once, together, and without work whose outcome is known.

Nothing here decides what comes out; where numba inside is not what it was, compiling takes longer.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def single_pass(kernel_name: str, parts: set[str]) -> Iterator[None]:
    """While an engine kernel is compiled its parts stay plain IR; they are linked, optimised and emitted once, with it.

    Numba would optimise and emit every function together with all that it calls, each on its own and then again inside
    each of its callers: minutes instead of seconds for a kernel of a hundred functions.
    """
    make_function: Any = importlib.import_module("numba._dynfunc").make_function
    lock: Any = importlib.import_module("numba.core.compiler_lock").global_compiler_lock
    library_class: Any = importlib.import_module("numba.core.codegen").JITCodeLibrary
    context_class: Any = importlib.import_module("numba.core.cpu").CPUContext
    nothing = ctypes.cast(ctypes.pythonapi.PyErr_NoMemory, ctypes.c_void_p).value

    def finalize_whole(library: Any) -> None:
        if library.name in parts:
            library._finalized = True
            return
        if library.name != kernel_name:
            finalize(library)
            return
        seen, waiting = set(), list(library._linking_libraries)
        while waiting:
            part = waiting.pop()
            if part not in seen:
                seen.add(part)
                waiting += part._linking_libraries
                library._reload_init.update(part._reload_init)
                library._final_module.link_in(part._get_module_for_linking(), preserve=True)
        library._optimize_final_module()
        library._final_module.verify()
        library._finalize_final_module()

    def get_whole_executable(context: Any, library: Any, description: Any, environment: Any) -> Any:
        if library.name not in parts:
            return get_executable(context, library, description, environment)
        library._ensure_finalized()
        name = description.qualname.split(".")[-1]
        return make_function(description.lookup_module(), name, "part of a kernel", nothing, environment, (library,))

    with lock, contextlib.ExitStack() as changes:
        finalize, get_executable = library_class.finalize, context_class.get_executable  # not those of another thread
        if gc.isenabled():  # a compiler keeps what it makes: looking through it for rubbish takes an eighth of its time
            gc.disable()
            changes.callback(gc.enable)
        with contextlib.suppress(AttributeError, ImportError):
            _speed_up(changes)
        library_class.finalize, context_class.get_executable = finalize_whole, get_whole_executable
        try:
            yield
        finally:
            library_class.finalize, context_class.get_executable = finalize, get_executable


def _speed_up(changes: contextlib.ExitStack) -> None:
    """For as long as `changes` last, four of numba's inner functions give the same answers in less time."""
    config: Any = importlib.import_module("numba.core.targetconfig").TargetConfig
    errors: Any = importlib.import_module("numba.core.errors")
    ir: Any = importlib.import_module("numba.core.ir")
    _replaced(changes, config, "__eq__", _same_options)
    _replaced(changes, config, "__hash__", lambda options: hash(type(options)))  # as before: all of a class collide
    _replaced(changes, errors, "termcolor", _Plain)
    _replaced(changes, ir.Inst, "_rec_list_vars", _list_variables(ir))
    builtins: Any = importlib.import_module("numba.core.types.functions").BaseFunction
    _replaced(changes, builtins, "get_call_type", _remembered(builtins.get_call_type))


def _replaced(changes: contextlib.ExitStack, owner: Any, name: str, value: Any) -> None:
    changes.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


def _same_options(one: Any, other: Any) -> Any:
    """Equality of two sets of compiler options, defaults included; they are compared hundred thousand times."""
    if one is other:
        return True
    if type(one) is not type(other):
        return NotImplemented
    a, b = one._values, other._values
    return a == b or all(a.get(name, option.default) == b.get(name, option.default) for name, option in one.options.items())


def _remembered(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """What an operator or builtin makes of arguments of some types: a dozen of its forms are tried first that do not fit."""
    found: dict[tuple[int, ...], tuple[Any, Any, Any]] = {}

    def get_call_type(function: Any, context: Any, args: Any, kws: Any) -> Any:
        if kws:
            return resolve(function, context, args, kws)
        key = (id(function), *map(id, args))
        if key not in found:
            sort = resolve(function, context, args, kws)
            found[key] = sort, function, args  # kept alive: no other gets their number
        return found[key][0]

    return get_call_type


class _Plain:
    """Messages as they are: most are of attempts at typing that fail by design and are never shown."""

    def __getattr__(self, name: str) -> Callable[[str], str]:
        return str


def _list_variables(ir: Any) -> Callable[[Any, Any], list[Any]]:
    """The variables in a value of numba's intermediate form, told by the value's exact type wherever it was seen before."""
    variable, instruction = ir.Var, ir.Inst
    sorts: dict[type, int] = {}

    def sort_of(value: Any) -> int:
        sorts[type(value)] = found = next(
            (k for k, kind in enumerate((variable, instruction, (list, tuple), dict)) if isinstance(value, kind)), 4
        )
        return found

    def list_variables(owner: Any, value: Any) -> list[Any]:
        sort = sorts.get(type(value))
        if sort is None:
            sort = sort_of(value)
        if sort == 4:
            return []
        if sort == 0:
            return [value]
        if sort == 1:
            found: list[Any] = value.list_vars()
            return found
        return [each for item in (value if sort == 2 else value.values()) for each in list_variables(owner, item)]

    return list_variables
