"""Shells complete commands, and names of the catalogue; what is wrong is never told while typing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from dbproc.cli import dbproc, main


def completed(*words: str) -> list[str]:
    complete = BashComplete(dbproc, {}, "dbproc", "_DBPROC_COMPLETE")
    return [each.value for each in complete.get_completions(list(words[:-1]), words[-1])]


def test_names_are_completed(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mission.toml").write_text(
        '[mission]\nname = "m"\nroot = "."\n[product.day_a]\nlevel = 0\ndirectory = "a"\nformat = "a_{Y}{m}{d}"\n'
        '[product.b]\nlevel = 1\ndirectory = "b"\nformat = "b_{Y}{m}{d}_v{VERSION}"\n'
        '[process.to_b]\ninputs = ["day_a"]\noutput = "b"\ntimebase = "DAILY"\n'
        '[process.to_b.code]\nfile = "b.sh"\nversion = "1.0.0"\nactive = false\n'
    )
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes/b.sh").touch(mode=0o755)
    assert main(["init", database]) == 0
    assert main(["apply", str(tmp_path / "mission.toml"), "-m", database]) == 0
    assert completed("withdraw", "-m", database, "--product", "day") == ["day_a"]
    assert completed("withdraw", "-m", database, "--product", "d_y") == []
    (tmp_path / "incoming/a_20240501").write_text("x")
    monkeypatch.setenv("DBPROC_SETTLE_SECONDS", "0")
    assert main(["run", "-m", database]) == 0
    assert completed("lineage", "-m", database, "a_") == ["a_20240501"]
    monkeypatch.setenv("DBPROC_MISSION", database)
    assert completed("withdraw", "a_") == ["a_20240501"]
    for words in ("why", "log --file"):
        assert completed(*words.split(), "a_") == ["a_20240501"]
    assert completed("why", "da") == ["day_a"]
    for words in ("run", "plan", "retry", "dismiss"):
        assert completed(words, "--only", "to_a,to") == ["to_a,to_b"]
    for words in ("stats", "run-process", "code show", "whatif release", "canary start", "log --process"):
        assert completed(*words.split(), "to") == ["to_b"]
    assert completed("lineage", "-m", str(tmp_path / "none"), "a_") == []
    assert "withdraw" in completed("with")
    for shell in ("bash", "zsh", "fish"):
        assert main(["completion", shell]) == 0
        assert "_DBPROC_COMPLETE" in capsys.readouterr().out
