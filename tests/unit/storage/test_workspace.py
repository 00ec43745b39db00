"""What dead runs left in the private directory is ended before it is removed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from dbproc.storage.workspace import Workspace
from dbproc.system.processes import JOB_MARK


def test_a_process_that_a_job_left_is_ended_before_its_directory_goes(tmp_path: Path) -> None:
    workspace = Workspace(str(tmp_path))
    workspace.prepare()
    job = workspace.job_directory("1-1")
    os.mkdir(job)
    with subprocess.Popen(["sleep", "600"], env={**os.environ, JOB_MARK: job}) as left:
        try:
            assert workspace.sweep() == []
            assert left.wait(timeout=60) < 0  # else it sleeps on
        finally:
            left.kill()
    assert not os.path.exists(job)
