"""The floors of the house, and what no room may do: read from the source, so that it holds for every new file."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import trading_system

ROOT = Path(trading_system.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
# ground first; an import only goes to an earlier floor. `types` and `errors` know nobody, `machine_code`, `kernels` no room.
FLOORS = (
    ("types", "errors"),
    ("registry", "files"),
    ("machine_code", "_kernels_compiler"),
    ("kernels",),
    ("parallel",),
    ("config",),
    ("data",),
    ("indicators",),
    ("strategies",),
    ("engine",),
    ("metrics",),
    ("runs",),
    ("validation",),
    ("readiness",),
    ("reports",),
    ("pipeline",),
    ("cli",),
    ("__main__",),
)
LEVEL = {room: number for number, floor in enumerate(FLOORS) for room in floor}
HEAVY = ("pandas", "numba", "plotly", "pyarrow", "scipy", "exchange_calendars", "rich", "loguru")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room(path: Path) -> str:
    """``engine`` for trading_system/engine/costs.py, ``pipeline`` for trading_system/pipeline.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def imports(tree: ast.AST, path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything imported, inside functions and for type checking too."""
    package = ["trading_system", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_file_stands_on_a_known_floor(path: Path) -> None:
    assert path == ROOT / "__init__.py" or room(path) in LEVEL


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_import_climbs(path: Path) -> None:
    if path == ROOT / "__init__.py":
        return  # the front door: it hands out what the corridor offers, lazily (see the import test below)
    here = room(path)
    for line, name in imports(parsed(path), path):
        parts = name.split(".")
        if parts[0] != "trading_system" or len(parts) == 1 or parts[1] not in LEVEL:
            continue
        there = parts[1]
        allowed = there == here or LEVEL[there] < LEVEL[here]
        assert allowed, f"{named(path)}:{line}: {here} imports {there}, which stands above or beside it"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_room_imports_itself_in_a_circle(path: Path) -> None:
    """Within a room module-level imports form no cycle; a cycle through `path` is printed."""
    graph = {f: [t for t in targets(f) if t != f] for f in FILES if room(f) == room(path)}
    seen: set[Path] = set()
    waiting = list(graph[path])
    while waiting:
        each = waiting.pop()
        assert each != path, f"{named(path)} imports itself through its room"
        if each not in seen:
            seen.add(each)
            waiting += graph.get(each, [])


@functools.cache
def targets(path: Path) -> list[Path]:
    """Files that a module-level statement of `path` imports."""
    head = [node for node in parsed(path).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    tree = ast.Module(body=list(head), type_ignores=[])
    found = []
    for _, name in imports(tree, path):
        parts = name.split(".")[1:] if name.startswith("trading_system.") else []
        for cut in (len(parts), len(parts) - 1):
            candidate = ROOT.joinpath(*parts[:cut]).with_suffix(".py") if cut > 0 else None
            if candidate in FILES:
                found.append(candidate)
                break
    return found


@pytest.mark.parametrize("path", FILES, ids=named)
def test_numba_is_imported_by_kernels_alone(path: Path) -> None:
    for line, name in imports(parsed(path), path):
        if name.split(".")[0] in ("numba", "llvmlite"):
            allowed = path.name in ("kernels.py", "machine_code.py") or path.name.startswith("_kernels")
            assert allowed, f"{named(path)}:{line} imports {name}"


FORBIDDEN_MODULES = ("pickle", "dill", "joblib", "shelve", "marshal", "cloudpickle")
FORBIDDEN_CALLS = ("eval", "exec", "compile", "__import__", "input", "breakpoint")
FORBIDDEN_ATTRIBUTES = {
    ("yaml", "load"),
    ("yaml", "load_all"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
    ("os", "system"),
    ("os", "popen"),
    ("subprocess", "getoutput"),
    ("np", "fromstring"),
}
FORBIDDEN_KEYWORDS = {"shell": True, "allow_pickle": True}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_runs_text_as_code_or_unpickles(path: Path) -> None:
    tree = parsed(path)
    for line, name in imports(tree, path):
        assert name.split(".")[0] not in FORBIDDEN_MODULES, f"{named(path)}:{line} imports {name}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        place = f"{named(path)}:{node.lineno}"
        called = node.func
        if isinstance(called, ast.Name):
            assert called.id not in FORBIDDEN_CALLS, f"{place} calls {called.id}"
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            assert (called.value.id, called.attr) not in FORBIDDEN_ATTRIBUTES, f"{place} calls {called.value.id}.{called.attr}"
        if isinstance(called, ast.Attribute):
            assert called.attr not in ("extractall", "read_pickle", "to_pickle"), f"{place} calls {called.attr}"
        for keyword in node.keywords:
            value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            forbidden = keyword.arg in FORBIDDEN_KEYWORDS and FORBIDDEN_KEYWORDS[keyword.arg] == value
            assert not forbidden, f"{place} passes {keyword.arg}={value}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_opens_the_network(path: Path) -> None:
    for line, name in imports(parsed(path), path):
        module = name.split(".")[0]
        heads = (module, ".".join(name.split(".")[:2]))
        assert not {
            "socket",
            "urllib.request",
            "http.client",
            "requests",
            "httpx",
            "aiohttp",
            "ftplib",
            "smtplib",
        }.intersection(heads), f"{named(path)}:{line} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_is_left_unfinished(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|NotImplemented" r"Error)\b", text)
    assert found is None, f"{named(path)}: {found}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_path_of_a_machine_is_in_the_source(path: Path) -> None:
    found = re.search(r"(?<![\w./-])/(?:work|root|home|tmp|Users|farm)/", path.read_text(encoding="utf-8"))
    assert found is None, f"{named(path)}: {found}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_is_one_room(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 800, f"{named(path)} is two rooms"


def loaded_by(*code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after running `code`."""
    script = "\n".join(
        ["import sys", *code, "print('\\n' + ' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"]
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.strip().splitlines()[-1].split())


def test_importing_the_package_is_light() -> None:
    assert not loaded_by("import trading_system").intersection((*HEAVY, "numpy"))


@pytest.mark.parametrize(
    "line", [["--help"], ["backtest", "--help"], ["version"], ["config", "template"], ["nonsense"]], ids=" ".join
)
def test_help_and_version_load_nothing_heavy(line: list[str]) -> None:
    assert not loaded_by("from trading_system.cli.main import main", f"main({line!r})").intersection((*HEAVY, "numpy"))


def test_the_first_help_does_not_even_load_the_config_models() -> None:
    assert "pydantic" not in loaded_by("from trading_system.cli.main import main", "main(['--help'])")


def test_validate_config_loads_none_of_numpy_numba_and_pandas(tmp_path: Path) -> None:
    project = str(tmp_path / "project")
    loaded = loaded_by(
        "from trading_system.cli.main import main",
        f"assert main(['init', {project!r}]) == 0",
        f"assert main(['validate', 'config', {project + '/run_config.yaml'!r}]) == 0",
    )
    assert not loaded.intersection((*HEAVY, "numpy"))
