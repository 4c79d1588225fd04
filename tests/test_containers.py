"""The container files promise what docs/DEPLOYMENT.md says: nobody's rights, no network, one place for results.

`python -m tests.containers`, a step of CI, carries the Dockerfile out; these are the claims that can be read from the files.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.containers import PLACES, Replay, documented, ignore_patterns, ignored, instructions, stages, volumes

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PATTERNS = ignore_patterns((ROOT / ".dockerignore").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICE = COMPOSE["services"]["trading-system"]


def test_the_image_runs_as_a_number_that_is_not_root():
    last = stages(DOCKERFILE)[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last.user)
    assert SERVICE["user"].endswith(f":-{last.user}}}")


def test_kernels_are_compiled_and_used_with_one_setting():
    """ENV stands in the stage that both others begin with, so that build and run cannot part."""
    base, build, run = stages(DOCKERFILE)
    for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "TRADING_SYSTEM_CACHE"):
        assert base.env[name] == build.env[name] == run.env[name]
    assert base.env["NUMBA_CPU_NAME"] == "generic" and base.env["NUMBA_CPU_FEATURES"] == ""


def test_the_last_stage_has_the_installation_and_no_sources():
    last = stages(DOCKERFILE)[-1]
    assert [argument for word, argument in last.lines if word == "COPY"] == [
        "--from=build /opt/trading-system /opt/trading-system"
    ]


def test_every_place_of_the_image_is_known_to_the_replay():
    for _, argument in instructions(DOCKERFILE):
        for place in re.findall(r"(?<![\w./:-])/(\w+)", argument):
            assert f"/{place}" in PLACES or place == "root", argument


@pytest.mark.parametrize(
    "name", [".git/config", "results/x/metrics.json", ".env", "tests/naive/engine.py", "EXAMPLE_CONFIGS/results/a"]
)
def test_the_build_is_sent_no_history_no_results_and_no_secrets(name):
    assert ignored(name, PATTERNS)


def test_the_build_is_sent_all_that_the_dockerfile_copies():
    for word, argument in instructions(DOCKERFILE):
        if word == "COPY" and not argument.startswith("--from="):
            for source in argument.split()[:-1]:
                assert (ROOT / source).exists() and not ignored(source, PATTERNS)
    assert not ignored("trading_system/data/markets/us5.parquet", PATTERNS)
    assert ignored("trading_system/__pycache__/errors.pyc", PATTERNS)


def test_compose_gives_a_run_no_network_no_rights_and_nothing_to_write_but_its_own():
    assert SERVICE["network_mode"] == "none" and SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"] and SERVICE["security_opt"] == ["no-new-privileges:true"]
    writable = {place for place, may in volumes(ROOT).items() if may}
    assert writable == {"/configs/.trading-system", "/results", "/tmp", "/opt/trading-system/cache/data"}
    assert {place for place, may in volumes(ROOT).items() if not may} == {"/configs", "/data"}
    assert stages(DOCKERFILE)[-1].env["TRADING_SYSTEM_RESULTS"] == "/results"


def test_the_one_shot_run_is_the_same_wherever_it_is_printed():
    page = (ROOT / "docs" / "DEPLOYMENT.md").read_text(encoding="utf-8")
    assert f"docker compose run --rm trading-system {shlex.join(documented(ROOT))}" in page


def test_a_line_that_the_replay_does_not_know_is_an_error():
    with pytest.raises(ValueError, match="HEALTHCHECK"):
        stages("FROM python:3 AS a\nHEALTHCHECK CMD true\n")


def test_the_replay_takes_paths_of_the_image_below_its_prefix_and_no_others(tmp_path):
    replay = Replay(tmp_path, ROOT)
    assert replay.below("cp /src/a /opt/b && /bin/sh ./src/c") == f"cp {tmp_path}/src/a {tmp_path}/opt/b && /bin/sh ./src/c"
    assert replay.below("PATH=/opt/x:/usr/bin") == f"PATH={tmp_path}/opt/x:/usr/bin"
