"""What the documents print: commands, files to make, code; and how to carry a page out in a folder.

A *command* is a line of a ```` ```sh ```` fence, or an indented line that begins with the name of a program. A comment ``# not run in CI: REASON``
excuses the lines of its block that follow it, visibly. A comment ``# exits 1`` at the end of a command says that this is its answer. A
fence with ``title="NAME"`` is a file that the reader makes; ```` ```python ```` without one is a script. Along a page all of it shares one folder, in the
order in which it stands.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trading_system

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PROGRAMS = ("trading-system", "python", "python3", "pip", "pytest", "mkdocs", "docker", "git", "sqlite3", ".venv/")
PROGRAMS += (
    "cp",
    "mkdir",
    "mv",
    "rm",
    "tar",
    "cat",
    "ls",
    "export",
    "cd",
    "chmod",
    "sha256sum",
    "awk",
    "sed",
    "grep",
    "source",
)
LANGUAGES = ("sh", "python", "yaml", "json", "text", "csv", "toml")
EXCUSE = "# not run in CI: "
ASSIGNED = re.compile(r"[A-Za-z_]\w*=[\"'$\w./]")
OPEN = re.compile(r"^```(\w*)(.*)$")


@dataclass(frozen=True)
class Block:
    """One piece of code of a page.

    Attributes
    ----------
    language : str
        Of the fence; ``sh`` for an indented line that begins with a program's name, ``text`` for any other one.
    title : str
        Name of the file that the reader makes of it, or nothing.
    text : str
    line : int
        Where it begins.
    """

    language: str
    title: str
    text: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    """Fences and indented lines of a page, in their order; consecutive indented lines of one kind are one block."""
    lines = text.splitlines()
    at, previous = 0, ""
    while at < len(lines):
        fence = OPEN.match(lines[at])
        if fence:
            end = next(i for i in range(at + 1, len(lines)) if lines[i].startswith("```"))
            title = re.search(r'title="([^"]+)"', fence.group(2))
            yield Block(fence.group(1), title.group(1) if title else "", "\n".join(lines[at + 1 : end]) + "\n", at + 1)
            at = end + 1
        elif lines[at].startswith("    ") and not previous.strip():
            start, language = at, kind(lines[at])
            while at < len(lines) and lines[at].startswith("    ") and kind(lines[at]) == language:
                at += 1
            yield Block(language, "", "".join(f"{line[4:]}\n" for line in lines[start:at]), start + 1)
            previous = "" if at < len(lines) and lines[at].startswith("    ") else lines[at - 1]
            continue
        else:
            at += 1
        previous = lines[at - 1]


def kind(line: str) -> str:
    """Whether an indented line is a command."""
    word = line.strip().split(" ")[0]
    known = word in PROGRAMS or word.startswith(".venv/") or ASSIGNED.match(word)
    return "sh" if known or line.strip().startswith(EXCUSE) else "text"


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a block with the reason why it is not run, or nothing; continued lines are joined."""
    excuse = ""
    for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
        if line.startswith(EXCUSE):
            excuse = line.removeprefix(EXCUSE).strip()
        elif line.strip() and not line.lstrip().startswith("#"):
            yield line.strip(), excuse


def excused(block: Block) -> str:
    """Why a whole block of Python is not run, or nothing."""
    first = block.text.splitlines()[0] if block.text.strip() else ""
    return first.removeprefix(EXCUSE).strip() if first.startswith(EXCUSE) else ""


def script(text: str, folder: Path) -> str:
    """A page as one shell script that stops at the first thing that does not do what the page says.

    Files are written by the script at the place where they stand on the page.
    """
    lines = ["set -uo pipefail"]
    for number, block in enumerate(blocks(text)):
        if block.title:
            source = folder / f"file-{number}"
            source.write_text(block.text, encoding="utf-8")
            target = shlex.quote(block.title)
            lines.append(f'mkdir -p "$(dirname {target})" && cp {shlex.quote(str(source))} {target} || exit 90')
        elif block.language == "python" and not excused(block):
            source = folder / f"script-{number}.py"
            source.write_text(block.text, encoding="utf-8")
            lines.append(_checked(f"python {shlex.quote(str(source))}", "0", f"the Python of line {block.line}"))
        elif block.language == "sh":
            for command, excuse in commands(block):
                bare, _, answer = command.partition("  # exits ")
                if not excuse:
                    lines.append(_checked(bare, answer.strip() or "0", command))
    return "\n".join(lines) + "\n"


def _checked(command: str, answer: str, shown: str) -> str:
    told = shlex.quote(f"--- {shown}")
    return f'echo {told}; echo {told} >&2\n{command}\ncode=$?; [ $code = {answer} ] || {{ echo "ended with $code" >&2; exit 91; }}'


def carried_out(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run everything that a page prints, in a new folder below `folder`, with the program of this Python."""
    programs, place, files = folder / "bin", folder / "place", folder / "files"
    for each in (programs, place, files):
        each.mkdir(parents=True)
    shims = {"trading-system": '-m trading_system "$@"', "python": '"$@"', "python3": '"$@"'}
    for name, rest in shims.items():
        (programs / name).write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {rest}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    hidden = ("TRADING_SYSTEM_RESULTS", "COLUMNS", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # no page is opened in a browser
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": python_path()}
    text = script(page.read_text(encoding="utf-8"), files)
    return subprocess.run(
        ["bash", "-c", text], cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def python_path() -> str:
    """Where this package is found from any folder; nothing is added where it is installed."""
    root = Path(trading_system.__file__).parents[1]
    told = os.environ.get("PYTHONPATH", "")
    return told if "site-packages" in root.parts else os.pathsep.join([str(root), *([told] if told else [])])
