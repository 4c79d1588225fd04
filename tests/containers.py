"""The container image without a container engine: the Dockerfile's own lines, carried out below a clean prefix.

    python -m tests.containers

Every absolute path of the Dockerfile is taken below a new folder; RUN lines go to a shell with the ENV of their stage, COPY lines
obey `.dockerignore`, and what a stage does not copy is deleted before the next one. Then the command that docker-compose.yml prints is run as
the image's unprivileged user, in an environment that holds the image's ENV alone, once where kernels could be written, to see that none
is, and then with everything read-only. The Python of FROM is the one that runs this. Needs root, to become somebody else.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CACHE = "/opt/trading-system/cache"
PLACES = ("/opt", "/src", "/configs", "/data", "/results", "/tmp")  # the absolute paths that the image may use
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Stage:
    """One FROM of a Dockerfile, with what it inherits."""

    name: str
    env: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    folder: str = "/"
    entrypoint: tuple[str, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()  # RUN, COPY and WORKDIR of this stage alone


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Word and argument of every line of a Dockerfile; comments left out, continued lines joined."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", " ", kept).splitlines():
        if line.strip():
            word, _, argument = line.strip().partition(" ")
            yield word.upper(), argument.strip()


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile; an instruction that is not known here is an error, so that none is passed over."""
    found: list[Stage] = []
    for word, argument in instructions(text):
        if word == "ARG":
            continue
        if word == "FROM":
            base, _, name = argument.partition(" AS ")
            parent = next((stage for stage in found if stage.name == base), Stage(base, {"PATH": SYSTEM_PATH}))
            found.append(Stage(name, dict(parent.env), parent.user, parent.folder, parent.entrypoint))
            continue
        stage = found[-1]
        if word == "ENV":
            for pair in shlex.split(argument):
                key, _, value = pair.partition("=")
                stage.env[key] = value.replace("${PATH}", stage.env["PATH"])
        elif word == "USER":
            stage.user = argument
        elif word == "ENTRYPOINT":
            stage.entrypoint = tuple(json.loads(argument))
        elif word in ("RUN", "COPY", "WORKDIR"):
            stage.folder = argument if word == "WORKDIR" else stage.folder
            stage.lines += ((word, argument),)
        elif word != "CMD":
            raise ValueError(f"the replay does not know {word}")
    return found


def ignored(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore keeps `path` (relative, slashes) out of the build: the last pattern that fits decides."""
    out = False
    for pattern in patterns:
        bare = pattern.lstrip("!").removeprefix("**/")
        parts = path.split("/")
        heads = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        names = parts if pattern.lstrip("!").startswith("**/") else heads
        if any(fnmatch.fnmatchcase(name, bare) for name in names):
            out = not pattern.startswith("!")
    return out


def ignore_patterns(text: str) -> list[str]:
    """The patterns of a .dockerignore."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


class Replay:
    """A Dockerfile's stages below `prefix`."""

    def __init__(self, prefix: Path, checkout: Path) -> None:
        self.prefix, self.checkout = prefix, checkout
        self.stages = stages((checkout / "Dockerfile").read_text(encoding="utf-8"))
        self.patterns = ignore_patterns((checkout / ".dockerignore").read_text(encoding="utf-8"))

    def below(self, text: str) -> str:
        """`text` with every absolute path of the image taken below the prefix."""
        places = "|".join(place[1:] for place in PLACES)
        return re.sub(rf"(?<![\w./-])/(?=(?:{places})(?![\w-]))", f"{self.prefix}/", text)

    def place(self, path: str) -> Path:
        return Path(self.below(path))

    def environment(self, stage: Stage) -> dict[str, str]:
        """What the image says, and nothing else."""
        return {key: self.below(value) for key, value in stage.env.items()} | {"LANG": "C.UTF-8", "TMPDIR": self.below("/tmp")}

    def build(self) -> None:
        """Carry out every stage; the last one is then what lies below the prefix."""
        for stage in self.stages:
            folder = "/"
            copied = [a for w, a in stage.lines if w == "COPY" and a.startswith("--from=")]
            if copied:
                self._keep_only(copied)
            for word, argument in stage.lines:
                print(f"   {word} {argument}", flush=True)
                if word == "WORKDIR":
                    folder = argument
                    self.place(folder).mkdir(parents=True, exist_ok=True)
                elif word == "RUN":
                    self._run(argument, stage, folder)
                elif not argument.startswith("--from="):
                    self._copy(argument, folder)

    def _run(self, line: str, stage: Stage, folder: str) -> None:
        host = {k: v for k, v in os.environ.items() if not k.startswith(("TRADING_SYSTEM_", "NUMBA_", "PYTHON", "COV"))}
        host.pop("VIRTUAL_ENV", None)
        path = os.pathsep.join([str(Path(sys.executable).parent), SYSTEM_PATH])  # the python3 of FROM
        self.place("/tmp").mkdir(exist_ok=True)
        done = subprocess.run(
            ["/bin/sh", "-c", self.below(line)],
            cwd=self.place(folder),
            env=host | self.environment(stage) | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _copy(self, argument: str, folder: str) -> None:
        *sources, target = argument.split()
        for source in sources:
            assert not ignored(source, self.patterns), f"COPY {source}: .dockerignore keeps it out"
            for file in [self.checkout / source, *(self.checkout / source).rglob("*")]:
                name = file.relative_to(self.checkout).as_posix()
                if file.is_file() and not ignored(name, self.patterns):
                    inner = file.relative_to(self.checkout / source) if (self.checkout / source).is_dir() else Path(file.name)
                    place = self.place(folder) / target / inner
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, place)

    def _keep_only(self, copies: list[str]) -> None:
        """A later stage begins empty but for what it copies, to the same places."""
        kept = []
        for copy in copies:
            _, source, target = copy.split()
            assert source == target, "a copy to another place than its own is not replayed"
            kept.append(self.place(source))
        for found in self.prefix.iterdir():
            if not any(found == keep or found in keep.parents for keep in kept):
                shutil.rmtree(found)

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """The image's entry point with `arguments`, as its user, in its own environment and folder."""
        stage = self.stages[-1]
        uid, gid = map(int, stage.user.split(":"))
        environment = self.environment(stage) | changes
        program = shutil.which(stage.entrypoint[0], path=environment["PATH"])
        assert program is not None and program.startswith(str(self.prefix))
        return subprocess.run(
            [*as_user(uid, gid), program, *stage.entrypoint[1:], *map(self.below, arguments)],
            cwd=self.place(stage.folder),
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def as_user(uid: int, gid: int) -> list[str]:
    """The beginning of a command line that another user runs, who has no rights but his own.

    Where the interpreter lies in a folder that is closed to others (root's home), he may read what he could not, and still write
    nothing that is not his; that the image's own files are open to him is looked at apart.
    """
    python = Path(sys.executable).resolve()
    closed = any(not parent.stat().st_mode & 0o001 for parent in python.parents)
    capabilities = "-all,+dac_read_search" if closed else "-all"
    ids = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"]
    return ["setpriv", *ids, f"--inh-caps={capabilities}", *([f"--ambient-caps={capabilities}"] if closed else []), "--"]


def volumes(checkout: Path) -> dict[str, bool]:
    """Place in the container -> whether it may be written there, as docker-compose.yml mounts it."""
    service = yaml.safe_load((checkout / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["trading-system"]
    mounts = [volume.split(":") for volume in service["volumes"]]
    return {parts[1]: parts[2:] != ["ro"] for parts in mounts} | dict.fromkeys(service["tmpfs"], True)


def documented(checkout: Path) -> list[str]:
    """The arguments of the one-shot run that docker-compose.yml prints."""
    text = (checkout / "docker-compose.yml").read_text(encoding="utf-8")
    (line,) = re.findall(r"^#   docker compose run --rm trading-system (.*)$", text, re.MULTILINE)
    return shlex.split(line)


def content(folder: Path) -> dict[str, Any]:
    """Every file below `folder`: size, time of change, hash."""
    return {
        str(file.relative_to(folder)): (
            file.stat().st_size,
            file.stat().st_mtime_ns,
            hashlib.sha256(file.read_bytes()).digest(),
        )
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.is_symlink()
    }


def owned(folder: Path, uid: int) -> None:
    """Give `folder` and all in it to a user."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, uid, uid, follow_symlinks=False)


def finished(done: subprocess.CompletedProcess[str], results: Path) -> Path:
    """The one new run of a command that ended well, without compiling."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert "compiling" not in done.stderr and "Traceback" not in done.stderr, done.stderr
    runs = [folder for folder in results.iterdir() if (folder / "metrics.json").is_file()]
    assert len(runs) == 1, runs
    assert json.loads((runs[0] / "metrics.json").read_text(encoding="utf-8"))["metrics"]["n_trades"] > 0
    return runs[0]


def prove(replay: Replay) -> None:
    """What the image promises, one promise after the other."""
    uid = int(replay.stages[-1].user.split(":")[0])
    installed, kernels = replay.place("/opt"), replay.place(CACHE) / "kernels"
    shutil.copytree(ROOT / "EXAMPLE_CONFIGS", replay.place("/configs"), dirs_exist_ok=True, ignore=_only_configs)
    for place, writable in volumes(replay.checkout).items():
        replay.place(place).mkdir(parents=True, exist_ok=True)
        if writable:
            owned(replay.place(place), uid)
    arguments, results = documented(replay.checkout), replay.place("/results")

    owned(kernels, uid)  # they could be written now, and stay as they are
    for path in [kernels, *kernels.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o700)
    before = content(kernels)
    assert before, "no kernel was compiled while the image was built"
    finished(replay.run(*arguments), results)
    one = replay.place("/configs/one.yaml")
    one.write_text(
        "data: {source: sample, path: us5}\nstrategies: [{name: x, type: ma_crossover, universe: [AAPL]}]\n", "utf-8"
    )
    alone = replay.run("backtest", "/configs/one.yaml")
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert content(kernels) == before, "a one-shot run compiled a kernel that the image does not have"
    print(f"   {len(before)} files of machine code, none added by a run where they could be")

    owned(kernels, 0)
    shutil.rmtree(replay.place("/configs/.trading-system"))
    replay.place("/configs/.trading-system").mkdir()
    owned(replay.place("/configs/.trading-system"), uid)
    shutil.rmtree(replay.place(CACHE) / "data")  # as `docker run --read-only` without a mount for it: read again each time
    for folder in (installed, replay.place("/configs"), replay.place("/data")):
        _sealed(folder, uid, (replay.place("/configs/.trading-system"),))
    for run in list(results.iterdir()):
        shutil.rmtree(run)
    before, began = content(installed), time.perf_counter()
    finished(replay.run(*arguments), results)
    seconds = time.perf_counter() - began
    assert content(installed) == before, "the run changed a file of the installation"
    left = [path.name for path in replay.place("/tmp").iterdir() if path.name.startswith("trading-system")]
    assert left == [], f"the run kept machine code elsewhere: {left}"
    doctor = replay.run("doctor")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    print(f"   read-only, as user {uid}: a result folder after {seconds:.1f} s, nothing else written; doctor is content")


def _only_configs(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".yaml")]


def _sealed(folder: Path, uid: int, but: tuple[Path, ...]) -> None:
    """Nobody but root may write below `folder`."""
    for path in [folder, *folder.rglob("*")]:
        if path in but or any(parent in but for parent in path.parents) or path.is_symlink():
            continue
        path.chmod(path.stat().st_mode & ~0o222)
        assert path.stat().st_uid != uid, path
        assert path.stat().st_mode & 0o004, f"{path} is not open to the image's user"


def size(folder: Path) -> int:
    """Bytes of the files below `folder`, in whole blocks as du counts them."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def main() -> int:
    """Build, prove, clean up; 0 when every promise held, or when this user may not become another one."""
    if os.geteuid() != 0:
        print("   SKIPPED: the replay of the Dockerfile needs root, to run as the image's own user")
        return 0
    prefix = Path(tempfile.mkdtemp(prefix="trading-system-image-"))
    try:
        prefix.chmod(0o755)
        began = time.perf_counter()
        replay = Replay(prefix, ROOT)
        replay.build()
        print(f"   built in {time.perf_counter() - began:.0f} s: {size(prefix / 'opt') / 1e6:.0f} MB installed")
        prove(replay)
    finally:
        shutil.rmtree(prefix, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
