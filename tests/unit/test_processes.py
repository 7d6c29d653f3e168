"""This very tidegate in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from tidegate.processes import of_this_tidegate


def test_of_this_tidegate__python_that_knows_no_tidegate__runs_it_still(tmp_path):
    python, *rest = of_this_tidegate("tidegate.verdict")
    # As in Actions: without site packages, and with them the editable install.
    plain = subprocess.run([python, "-S", "-P", "-m", "tidegate.verdict"], cwd=tmp_path)
    ours = subprocess.run([python, "-S", *rest], cwd=tmp_path)

    assert (plain.returncode, ours.returncode) == (1, 0)


def test_of_this_tidegate__arguments__reach_the_module(tmp_path):
    command = [*of_this_tidegate("tidegate"), "--version"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert command[0] == sys.executable
    assert said.stdout.startswith("tidegate ")
