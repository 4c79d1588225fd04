"""Compiled kernels: the decorators every room uses, the door their inputs pass, and where machine code is kept.

Numba itself is imported by the first decorated function, never by importing this module. Machine code lies in
``$TRADING_SYSTEM_CACHE/kernels`` (default: the user's cache folder, or a private temporary folder where that cannot be
written), in a folder named by a hash of the kernel's source file and of every file of this package that it imports, so
that a changed helper never runs stale code and a moved or read-only installation still hits. ``NUMBA_CPU_NAME`` and
``NUMBA_CPU_FEATURES`` are respected. The first calls of a process need no numba when the machine code is there
(`trading_system.machine_code`).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from trading_system import machine_code
from trading_system._kernels_compiler import single_pass

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])
PACKAGE = Path(__file__).parent
EARLY_CALLS = 500  # calls without numba before numba is worth its start
PARTS: set[str] = set()  # names of the functions that are compiled inside engine kernels only
_IMPORT = re.compile(r"^(?:from|import)[ \t]+(trading_system[\w.]*)(?:[ \t]+import[ \t]+([\w, \t]+|\([^)]*\)))?", re.MULTILINE)


def kernel(function: F) -> F:
    """Compile a kernel: cached, without the interpreter's lock, IEEE arithmetic (division by zero gives inf or NaN)."""
    return _later(function, functools.partial(_compile, cache=True), early=True)


def helper(function: F) -> F:
    """Compile a function that only kernels call; it is stored inside each of them."""
    return _later(function, functools.partial(_compile, cache=False))


def engine_kernel(function: F) -> F:
    """Compile a kernel without reference counts: an allocation inside is a compile error.

    Reference counting of array arguments costs a simulation of one symbol twenty times its trading logic. ``_nrt`` is a
    private option of numba (pinned below 0.69); if it vanished only speed would be lost. The kernel and all its routines
    are optimised together, once.
    """
    return _later(function, _compiled_once, early=True)


def _compiled_once(function: F) -> F:
    compiled = _compile(function, cache=True, _nrt=False)
    if hasattr(compiled, "compile"):
        compile_kernel = compiled.compile

        def compile_once(signature: Any) -> Any:
            with single_pass(compiled.__name__, PARTS):
                return compile_kernel(signature)

        setattr(compiled, "compile", compile_once)  # noqa: B010
    return compiled


def engine_routine(function: F) -> F:
    """Compile a function that only engine kernels call, too large or too seldom called to be inlined."""
    return _part(function)


def engine_helper(function: F) -> F:
    """Compile a function that only engine kernels call: no reference counts, always inlined."""
    return _part(function, forceinline=True)


def _part(function: F, **options: Any) -> F:
    """A part of an engine kernel: it has no entry from Python, and one signature whatever constants it is called with."""
    PARTS.add(function.__qualname__)
    return _later(function, functools.partial(_compiled_part, options=options))


def _compiled_part(function: F, options: dict[str, Any]) -> F:
    compiled = _compile(function, cache=False, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)
    if hasattr(compiled, "get_call_template"):
        import numba

        unliteral: Any = numba.types.unliteral
        resolve = compiled.get_call_template

        def get_call_template(args: Any, kws: Any) -> Any:
            return resolve([unliteral(arg) for arg in args], {name: unliteral(arg) for name, arg in kws.items()})

        setattr(compiled, "get_call_template", get_call_template)  # noqa: B010
    return compiled


def _later(function: F, compiled: Callable[[F], F], *, early: bool = False) -> F:
    """`function`, compiled when it is first needed; at once where numba is loaded already or told to behave otherwise."""
    if "numba" in sys.modules or not machine_code.usable():
        return compiled(function)
    return cast(F, Kernel(function, compiled, early=early))


class Kernel:
    """A function that is compiled when something needs it compiled: numba, that many calls, or arguments of a new type.

    Until then a kernel is called through the machine code that an earlier process kept, when there is some.

    Parameters
    ----------
    function : callable
        In Python.
    compiled : callable
        Gives numba's dispatcher for it.
    early : bool
        Whether machine code of it is kept.
    """

    early_calls = 0  # of all kernels of this process

    def __init__(self, function: Callable[..., Any], compiled: Callable[[Any], Any], *, early: bool) -> None:
        functools.update_wrapper(self, function)
        self._function, self._compile, self._early = function, compiled, early
        self._compiled: Any = None
        self._codes: dict[tuple[str | None, ...], Callable[..., Any] | None] = {}

    def __call__(self, *args: Any) -> Any:
        """Call it."""
        compiled = self._compiled
        return compiled(*args) if compiled is not None else self._first(args)

    def _first(self, args: tuple[Any, ...]) -> Any:
        if self._early and Kernel.early_calls < EARLY_CALLS and "numba" not in sys.modules:
            tokens = tuple(map(machine_code.described, args))
            code = self._codes[tokens] if tokens in self._codes else self._linked(tokens)
            if code is not None:
                Kernel.early_calls += 1
                return code(*args)
        return self.dispatcher(*args)

    def _linked(self, tokens: tuple[str | None, ...]) -> Callable[..., Any] | None:
        told = tuple(token for token in tokens if token is not None)
        if len(told) < len(tokens):
            return None
        with machine_code.LOCK:
            if told not in self._codes:
                self._codes[told] = machine_code.linked(_kept_path(self._function, told), told)
            return self._codes[told]

    @property
    def dispatcher(self) -> Any:
        """What numba makes of it (with ``NUMBA_DISABLE_JIT=1`` the function itself)."""
        with machine_code.LOCK:
            if self._compiled is None:
                self._compiled = self._compile(self._function)
        return self._compiled

    @property
    def _numba_type_(self) -> Any:
        """How numba sees it inside another function."""
        return self.dispatcher._numba_type_

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.dispatcher, name)

    def __reduce__(self) -> str:
        return self._function.__qualname__


def _kept_path(function: Callable[..., Any], tokens: tuple[str, ...]) -> Path:
    file = Path(function.__code__.co_filename)
    kernel = f"{file.stem}-{function.__name__}-{function.__code__.co_firstlineno}"
    return code_folder(file) / machine_code.file_name(kernel, tokens)


def _compile(function: F, *, cache: bool, **options: Any) -> F:
    numba = _numba()
    config: Any = numba.config
    with machine_code.LOCK:
        before = config.CACHE_LOCATOR_CLASSES
        config.CACHE_LOCATOR_CLASSES = f"{__name__}.{KernelLocator.__name__}"
        try:
            compiled = numba.njit(cache=cache, nogil=True, error_model="numpy", **options)(function)
        finally:
            config.CACHE_LOCATOR_CLASSES = before
    if cache and hasattr(compiled, "_cache"):
        _make_forgiving(compiled._cache, function)
    return cast(F, compiled)


@functools.cache
def _numba() -> Any:
    """Numba, without the linear algebra of scipy.

    Numba loads that library only to see whether it is there, which takes longer than all else of a small backtest; whatever
    needs it loads it then, as before.
    """
    import numba

    library = "scipy.linalg.cython_blas"
    if library not in sys.modules:
        missing: Any = None
        sys.modules[library] = missing  # an import of it fails at once
        try:
            from numba.np import arraymath

            arraymath._HAVE_BLAS = True
        finally:
            del sys.modules[library]
    return numba


compile_listeners: list[Callable[[str], None]] = []  # each is told the name of a kernel that is about to be compiled


def _make_forgiving(cache: Any, function: Callable[..., Any]) -> None:
    """A cache that cannot be read or written costs time, never the run; what is saved is kept for early calls too."""
    load, save = cache.load_overload, cache.save_overload

    def load_overload(signature: Any, context: Any) -> Any:
        try:
            found = load(signature, context)
        except Exception:  # noqa: BLE001  a truncated or foreign file: forget the index and compile anew
            found = None
            with contextlib.suppress(OSError):
                cache.flush()
        for tell in compile_listeners if found is None else ():
            tell(function.__name__)
        return found

    def save_overload(signature: Any, data: Any) -> None:
        try:
            save(signature, data)
        except Exception:  # noqa: BLE001  read-only folder, disk full, an object that numba did not hand over: compiled anew next time
            return
        with contextlib.suppress(Exception):  # numba inside is not what it was: early calls find nothing, that is all
            _keep(function, data)

    cache.load_overload, cache.save_overload = load_overload, save_overload


def _keep(function: Callable[..., Any], result: Any) -> None:
    """Write the machine code of what numba has just compiled where `Kernel` looks for it, whole or not at all."""
    found = machine_code.kept(result.library, result.fndesc, result.signature) if machine_code.usable() else None
    if found is None:
        return
    tokens, content = found
    path = _kept_path(function, tuple(tokens))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def code_folder(file: Path) -> Path:
    """Folder of the machine code of the kernels in `file`, for this state of the source; it need not exist."""
    return kernel_folder() / f"{file.parent.name}-{source_stamp(file)[:16]}"


class KernelLocator:
    """Where numba keeps the machine code of one kernel, and the stamp that says whether it is still the same source."""

    def __init__(self, file: Path, line: int) -> None:
        self._stamp = source_stamp(file)
        self._folder = code_folder(file)
        self._line = line

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> KernelLocator:
        """The locator of `py_func`, which is defined in `py_file`."""
        return cls(Path(py_file), int(py_func.__code__.co_firstlineno))

    def ensure_cache_path(self) -> None:
        """Create the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        """The folder, which need not exist."""
        return str(self._folder)

    def get_source_stamp(self) -> str:
        """Hash of the source and of what it imports from this package."""
        return self._stamp

    def get_disambiguator(self) -> str:
        """Tells functions of one name apart."""
        return str(self._line)


@functools.cache
def source_stamp(file: Path) -> str:
    """Sha256 (hex) over `file` and, transitively, every file of this package that it imports at module level."""
    waiting, seen = [file.resolve(), Path(__file__).resolve()], {}
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        text = path.read_bytes()
        seen[path] = hashlib.sha256(text).digest()
        waiting += [found.resolve() for found in _imported(text.decode("utf-8"))]
    total = hashlib.sha256()
    for digest in sorted(seen.values()):
        total.update(digest)
    return total.hexdigest()


def _imported(text: str) -> list[Path]:
    files: list[Path] = []
    for module, names in _IMPORT.findall(text):
        base = PACKAGE.joinpath(*module.split(".")[1:])
        below = [base / name for name in re.findall(r"\w+", names)]
        files += [path for candidate in (base, *below) if (path := candidate.with_suffix(".py")).is_file()]
    return files


def cache_root() -> Path:
    """The program's cache folder: ``TRADING_SYSTEM_CACHE``, else the user's cache folder of this platform."""
    told = os.environ.get("TRADING_SYSTEM_CACHE")
    if told:
        return Path(told).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "trading-system"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "trading-system" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trading-system"


@functools.lru_cache(maxsize=1)
def kernel_folder() -> Path:
    """Folder of the machine code: below `cache_root` when that can be written or is already filled, else a private one."""
    try:
        folder = cache_root() / "kernels"
    except RuntimeError:  # no home directory
        return _private_folder()
    if _writable(folder) or _filled(folder):
        return folder
    return _private_folder()


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _filled(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _private_folder() -> Path:
    """A temporary folder that nobody else can write to: machine code read from it is executed."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"trading-system-kernels-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
        private = stat.S_ISDIR(facts.st_mode) and (os.name == "nt" or (facts.st_uid == user and not facts.st_mode & 0o022))
        if private and _writable(folder):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="trading-system-kernels-"))


def door(array: Any, dtype: Any) -> NDArray[np.generic]:
    """`array` as kernels want it: of `dtype`, C order, read-only; a view where it already is, so one signature is compiled."""
    import numpy as np

    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view
