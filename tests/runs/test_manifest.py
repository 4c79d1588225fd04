"""What a run was made of."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest

from trading_system.runs import manifest


def git(folder, *line: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *line], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    git(tmp_path, "init", "-q")
    (tmp_path / "a.yaml").write_text("1")
    git(tmp_path, "add", "a.yaml")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def state(folder):
    found = manifest.GitState(folder)
    time.sleep(0.2)
    return found.state()


def test_a_clean_repository_a_changed_file_and_a_staged_one(repository):
    commit = git(repository, "rev-parse", "HEAD")
    assert state(repository) == {"branch": "main", "commit": commit, "dirty": False}
    (repository / "a.yaml").write_text("2")
    assert state(repository)["dirty"] is True
    git(repository, "add", "a.yaml")
    assert state(repository)["dirty"] is True
    (repository / "b").mkdir()
    assert state(repository / "b")["commit"] == commit


def test_a_detached_head_packed_refs_and_a_linked_work_tree(repository, tmp_path_factory):
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "pack-refs", "--all")
    assert state(repository)["commit"] == commit
    linked = tmp_path_factory.mktemp("linked") / "tree"
    git(repository, "worktree", "add", "-q", "-b", "side/branch", str(linked))
    assert state(linked) == {"branch": "side/branch", "commit": commit, "dirty": False}
    git(repository, "checkout", "-q", "--detach")
    assert state(repository) == {"branch": None, "commit": commit, "dirty": False}


def test_without_a_repository_there_is_no_state_and_without_git_no_dirt(repository, tmp_path_factory, monkeypatch):
    assert state(tmp_path_factory.mktemp("plain")) is None
    monkeypatch.setenv("PATH", "")
    found = state(repository)
    assert found["branch"] == "main" and len(found["commit"]) == 40 and found["dirty"] is None


def test_a_slow_git_is_given_up(repository, monkeypatch):
    monkeypatch.setattr(manifest, "GIT_SECONDS", 0.05)
    real, started = subprocess.Popen, []
    monkeypatch.setattr(
        manifest.subprocess, "Popen", lambda command, **more: started.append(real(["sleep", "30"], **more)) or started[-1]
    )
    assert manifest.GitState(repository).state()["dirty"] is None
    manifest.GitState(repository).close()
    assert started and all(child.wait() != 0 for child in started)  # killed, not waited for


def test_the_code_hash_follows_the_users_own_files(tmp_path):
    rule, other = tmp_path / "rule.py", tmp_path / "lib" / "other.py"
    other.parent.mkdir()
    rule.write_text("a = 1")
    other.write_text("b = 1")
    one = manifest.code_state([rule, other], tmp_path)
    assert set(one["files"]) == {"rule.py", "lib/other.py"} and one["package"] == manifest.package_hash()
    other.write_text("b = 2")
    two = manifest.code_state([rule, other], tmp_path)
    assert one["hash"] != two["hash"] != manifest.code_state([], tmp_path)["hash"]


def test_the_data_hash_knows_the_symbols_and_not_their_order():
    assert manifest.data_hash({"A": "1", "B": "2"}) == manifest.data_hash({"B": "2", "A": "1"})
    assert manifest.data_hash({"A": "1", "B": "2"}) != manifest.data_hash({"A": "2", "B": "1"})


@pytest.mark.parametrize("text", [b"{bad\n", b"[1]\n", b"3\n", b"\xff\n", b"[" * 100_000])
def test_a_damaged_log_is_compared_as_it_is(text):
    assert manifest.comparable("run.log", text) == text


def test_the_code_is_another_when_the_style_or_script_of_the_report_is(tmp_path, monkeypatch):
    import shutil

    from trading_system.runs import manifest

    copy = tmp_path / "package"
    shutil.copytree(manifest.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "markets"))
    monkeypatch.setattr(manifest, "PACKAGE", copy)
    before = manifest.package_hash.__wrapped__()
    for name in ("report.css", "report.js"):
        with (copy / "reports" / "page_files" / name).open("a") as file:
            file.write("\n")
        after = manifest.package_hash.__wrapped__()
        assert after != before
        before = after
