"""From a strategy's part of a run file to the strategy: registered types, dotted paths, and a user's own file.

Loading a user's strategy runs its code; nothing else in this module does. `code_files` only reads.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeGuard

from pydantic import ValidationError

from trading_system.errors import MAX_PROBLEMS, ConfigError, StrategyError, TradingSystemError, UnknownNameError
from trading_system.strategies import parameters
from trading_system.strategies.base import Strategy, strategies
from trading_system.strategies.filters.base import Filter, Filtered, filters
from trading_system.strategies.imports import chain, imported_files, module_file

if TYPE_CHECKING:
    from trading_system.config.models import StrategyConfig
    from trading_system.types import FrozenModel

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\Z")
_own_modules: set[str] = set()  # names in sys.modules that came from a run file's folder


def build_strategy(config: StrategyConfig, root: Path, places: Mapping[str, str] | None = None, number: int = 0) -> Strategy:
    """The strategy that `config` describes, its parameters validated.

    Parameters
    ----------
    config : StrategyConfig
        `type` is a registered name, ``package.module:Class`` or ``my_rule.py:Class``; `params` are raw.
    root : Path
        Folder of the run file: file paths start there and stay below it, dotted paths are looked up there first.
    places : mapping, optional
        ``strategies.0.params.fast`` -> ``file:line``, for messages.
    number : int
        Position of the strategy in the run file, for `places`.

    Raises
    ------
    ConfigError
        No such type, file or class, a path outside `root`, or wrong parameters: one problem per mistake.
    StrategyError
        The user's code cannot be read or failed while it was imported; `where` is its file and line.
    """
    where = _Where(places or {}, f"strategies.{number}.")
    try:
        found = load_type(config.type, root)
    except ConfigError as error:
        raise where.moved(error, "type") from error
    passed, problems = _filters(config, found, where)
    strategy: Strategy | None = None
    try:
        strategy = _validated(found, config.params)
    except ValidationError as error:
        problems = [*_problems(error, found, config.type, "params", where), *problems]
    except Exception as error:
        raise _failed("failed while its parameters were checked", error, root) from error
    if problems or strategy is None:
        raise ConfigError(f"wrong parameters of {config.type}", problems=problems)
    _check_warmup(strategy, config.type, root)
    if isinstance(config.universe, tuple):
        missing = [symbol for symbol in strategy.required_symbols() if symbol not in config.universe]
        if missing:
            raise ConfigError(
                f"{config.type} trades {', '.join(missing)}, not in its universe",
                where=where.at("params"),
                allowed=", ".join(config.universe),
                remedy="add the symbols to the universe or take them out of the parameters",
            )
    return Filtered(rule=strategy, filters=passed) if passed else strategy


def _filters(config: StrategyConfig, found: type[Strategy], where: _Where) -> tuple[tuple[Filter, ...], list[ConfigError]]:
    """The filters that `config` names, in their order, and what is wrong with them."""
    built: list[Filter] = []
    problems: list[ConfigError] = []
    if config.filters and _decides(found) == "Weights":
        text = f"{config.type} decides weights, and filters act on signals"
        return (), [ConfigError(text, where=where.at("filters"), remedy="take `filters` out")]
    for name, params in config.filters.items():
        key = f"filters.{name}"
        if len(problems) >= MAX_PROBLEMS:
            problems.append(ConfigError("this filter and those after it are not judged any more", where=where.at(key)))
            break
        try:
            kind = filters.get(name)
        except UnknownNameError as error:
            text = f"there is no filter {name!r}"
            problems.append(UnknownNameError(text, where=where.at(key), allowed=error.allowed, remedy=error.remedy))
            continue
        try:
            built.append(kind.model_validate_json(json.dumps(params)))
        except ValidationError as error:
            problems += _problems(error, kind, f"the filter {name}", key, where)
    return tuple(built), problems


def mistakes(config: StrategyConfig, root: Path, *, load: bool = False) -> list[TradingSystemError]:
    """What is wrong with `type` and `params` of a strategy; of a user's own only with `load`, which runs its code.

    `where` of a ConfigError is the key below the strategy (``params.fast``), of a StrategyError the place in the user's file.
    """
    if ":" in config.type and not load:
        return []
    try:
        build_strategy(config, root)
    except ConfigError as error:
        found = error.problems or (error,)
        return [
            type(one)(one.message, where=one.where.removeprefix("strategies.0."), allowed=one.allowed, remedy=one.remedy)
            for one in found
        ]
    except TradingSystemError as error:
        return [error]
    return []


def supplied(config: StrategyConfig, root: Path, *, load: bool = False) -> tuple[str, ...] | None:
    """Names of the components that the type's signals bring to the ranking; None where it does not tell.

    Of a user's own type only with `load`, which runs its code.
    """
    if ":" in config.type and not load:
        return None
    try:
        found = load_type(config.type, root)
    except TradingSystemError:
        return None
    return () if found.components is None and _decides(found) == "Weights" else found.components


def load_type(name: str, root: Path) -> type[Strategy]:
    """The class that `name` means; see `build_strategy`."""
    source, colon, wanted = name.rpartition(":")
    if not colon:
        return _registered(name)
    if source.endswith(".py"):
        module, shown = _load_file(_under(source, root), root), source
    elif _DOTTED.match(source):
        module, shown = _load_dotted(source, root), source
    else:
        raise ConfigError(
            f"{name!r} is no strategy type", allowed="a registered type, package.module:Class or path/to/file.py:Class"
        )
    return _class_of(module, wanted, shown)


def _registered(name: str) -> type[Strategy]:
    try:
        return strategies.get(name)
    except UnknownNameError as error:
        allowed = f"{error.allowed}, package.module:Class or path/to/file.py:Class"
        raise UnknownNameError(f"there is no strategy type {name!r}", allowed=allowed, remedy=error.remedy) from None


def code_files(config: StrategyConfig, root: Path) -> list[Path]:
    """Files that a user's strategy is made of: its own and, transitively, what it imports from below `root`; sorted.

    Nothing is run. Empty for registered types and others of this package. For a dotted path outside `root`, the files of its own package.
    """
    source, colon, _ = config.type.rpartition(":")
    if not colon:
        return []
    root = root.resolve()
    if source.endswith(".py"):
        own = _under(source, root)
        return imported_files((own,), root, (own.parent, root))
    below, bases = root, (root,)
    if module_file(source, bases) is None:
        package = source.partition(".")[0]
        top = None if package == __name__.partition(".")[0] else _installed(package)
        if top is None:
            return []
        below, bases = top, (top.parent,)
    return imported_files(chain(source, bases), below, bases)


def _installed(package: str) -> Path | None:
    """Folder of an installed top-level package, or the file of a module."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    file = Path(spec.origin).resolve()
    return file.parent if file.name == "__init__.py" else file


def _under(source: str, root: Path) -> Path:
    root = root.resolve()
    file = (root / source).resolve()
    if not file.is_relative_to(root):
        raise ConfigError(f"the strategy file {source} lies outside the run file's folder", allowed=f"a file below {root}")
    if not file.is_file():
        near = sorted(path.name for path in file.parent.glob("*.py"))[:10] if file.parent.is_dir() else []
        raise ConfigError(
            f"there is no strategy file {source}", allowed=", ".join(near), remedy="the path starts at the run file's folder"
        )
    return file


def _load_file(file: Path, root: Path) -> ModuleType:
    name = f"_strategy_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    with _imports_from(file.parent, root.resolve()), _blamed(file, root):
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise StrategyError("is no Python file", where=file.name)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
            _import_lazily_used(file, root)
        except BaseException:
            del sys.modules[name]
            raise
    return module


def _load_dotted(source: str, root: Path) -> ModuleType:
    root = root.resolve()
    inside = module_file(source, (root,))
    with _imports_from(root), _blamed(inside or root, root):
        try:
            module = importlib.import_module(source)
        except ModuleNotFoundError as error:
            if error.name is None or not (source + ".").startswith(error.name + "."):
                raise
            raise ConfigError(
                f"there is no module {source}", remedy="it must lie below the run file's folder or be installed"
            ) from error
        if inside is not None and (module.__file__ is None or Path(module.__file__).resolve() != inside):
            raise StrategyError(
                f"the module {source} is already imported from {module.__file__}", remedy="rename the package of the strategy"
            )
        if inside is not None:
            _import_lazily_used(inside, root)
    return module


def _import_lazily_used(file: Path, root: Path) -> None:
    """Import what functions of the strategy will import later, while its folder can still be searched."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    known = {Path(name).resolve() for name in files if name}
    for other in imported_files((file,), root.resolve(), (file.parent, root.resolve())):
        if other in known or other == file:
            continue
        base = file.parent if other.is_relative_to(file.parent) else root.resolve()
        parts = other.relative_to(base).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            importlib.import_module(name)


@contextmanager
def _imports_from(*folders: Path) -> Iterator[None]:
    """Let imports find modules of `folders` first; what an earlier strategy imported from its folder is forgotten."""
    for name in _own_modules & set(sys.modules):
        del sys.modules[name]
    _own_modules.clear()
    before, path = set(sys.modules), list(sys.path)
    sys.path[:0] = [str(folder) for folder in dict.fromkeys(folders)]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and any(Path(file).resolve().is_relative_to(folder) for folder in folders) and "site-packages" not in file:
                _own_modules.add(name)


@contextmanager
def _blamed(file: Path, root: Path) -> Iterator[None]:
    """Whatever the user's code raises while it is imported becomes a `StrategyError` that names its line."""
    try:
        yield
    except (TradingSystemError, MemoryError):
        raise
    except SyntaxError as error:
        place = f"{shown(Path(error.filename), root)}:{error.lineno}" if error.filename else file.name
        raise StrategyError(f"is not valid Python: {error.msg}", where=place) from error
    except (Exception, SystemExit) as error:
        raise _failed("failed while it was imported", error, root) from error


def _failed(when: str, error: BaseException, root: Path) -> StrategyError:
    return StrategyError(f"{when}: {type(error).__name__}: {error}", where=raised_at(error, root))


def _check_warmup(strategy: Strategy, name: str, root: Path) -> None:
    try:
        warmup = strategy.warmup
    except Exception as error:
        raise _failed("failed while its warm-up was asked for", error, root) from error
    if isinstance(warmup, bool) or not isinstance(warmup, int) or warmup < 0:
        raise StrategyError(f"the warm-up of {name} is {warmup!r}", allowed="a whole number of bars, 0 or more")


def raised_at(error: BaseException, root: Path) -> str:
    """``file:line`` at which code below `root` raised, or the deepest place of all; empty when there is none."""
    root, place, deepest, trace = root.resolve(), "", "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        deepest = f"{Path(name).name}:{trace.tb_lineno}"
        if Path(name).is_absolute() and Path(name).is_relative_to(root):
            place = f"{shown(Path(name), root)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place or deepest


def shown(file: Path, root: Path) -> str:
    """`file` relative to `root`, or its name when it lies elsewhere."""
    root = root.resolve()
    return str(file.relative_to(root)) if file.is_relative_to(root) else file.name


def _class_of(module: ModuleType, wanted: str, source: str) -> type[Strategy]:
    found = getattr(module, wanted, None)
    rules = [name for name, value in vars(module).items() if _is_rule(value) and value.__module__ == module.__name__]
    if found is None:
        near = parameters.nearest(wanted, rules)
        raise UnknownNameError(
            f"{source} has no class {wanted!r}", allowed=", ".join(rules), remedy=f"did you mean {near!r}?" if near else ""
        )
    if not _is_rule(found):
        raise ConfigError(
            f"{source}:{wanted} is no strategy",
            allowed=", ".join(rules),
            remedy="derive the class from trading_system's Strategy",
        )
    if inspect.isabstract(found):
        lacks = ", ".join(sorted(found.__abstractmethods__))
        raise StrategyError(f"{wanted} lacks {lacks}", where=source, remedy="a strategy has `warmup` and `decide(bars)`")
    return found


def _is_rule(value: object) -> TypeGuard[type[Strategy]]:
    return isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy


def _validated(found: type[Strategy], params: Mapping[str, Any]) -> Strategy:
    try:
        text = json.dumps(dict(params))
    except (TypeError, ValueError):  # from Python, with values that no file can hold
        return found.model_validate(dict(params))
    return found.model_validate_json(text)


class _Where:
    """Places of one strategy's keys."""

    def __init__(self, places: Mapping[str, str], prefix: str) -> None:
        self._places, self._prefix = places, prefix

    def at(self, key: str) -> str:
        """``file:line: key`` of `key` or of the nearest key above it that was written."""
        above = self._prefix + key
        while above and above not in self._places:
            above = above.rpartition(".")[0]
        place = self._places.get(above, "")
        full = f"{self._prefix}{key}"
        return f"{place}: {full}" if place and place != f"--set {full}" else full if not place else place

    def moved(self, error: ConfigError, key: str) -> ConfigError:
        """`error` with the place of `key`."""
        return type(error)(error.message, where=self.at(key), allowed=error.allowed, remedy=error.remedy)


def _problems(error: ValidationError, found: type[FrozenModel], name: str, above: str, where: _Where) -> list[ConfigError]:
    problems = []
    for number, detail in enumerate(error.errors(include_url=False)):
        key = ".".join(str(part) for part in (above, *detail["loc"]))
        if number >= MAX_PROBLEMS:  # counted, and read by nobody
            problems.append(ConfigError(detail["msg"], where=key))
            continue
        mistake = parameters.mistake(detail, found, name)
        problems.append(ConfigError(mistake.message, where=where.at(key), allowed=mistake.allowed, remedy=mistake.remedy))
    return problems


def describe(name: str, root: Path | None = None) -> dict[str, Any]:
    """What `strategy show` prints: type, summary, text, what it decides, warm-up at its defaults, and every parameter.

    Raises
    ------
    ConfigError, StrategyError
        As `build_strategy`.
    """
    found = load_type(name, root or Path.cwd())
    text = inspect.getdoc(found) or ""
    try:
        warmup: int | None = found().warmup
    except ValidationError:  # a parameter has no default
        warmup = None
    return {
        "type": name,
        "summary": text.partition("\n")[0],
        "text": text,
        "decides": _decides(found),
        "warmup": warmup,
        "parameters": parameters.table(found),
    }


def _decides(found: type[Strategy]) -> str:
    """What the annotation of `decide` promises."""
    annotation = inspect.signature(found.decide).return_annotation
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return text if text in ("Signals", "Weights") else "Signals or Weights"
