"""Make the service's lock file and its git repository, where the tools are there."""

import shutil
import subprocess


def step(what, command, otherwise):
    if shutil.which(command[0]) is None:
        print(f"left out: {what}; {command[0]} is not installed. Later: {otherwise}")
        return
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        print(f"done: {what}")
    else:
        print(f"left out: {what}. Later: {otherwise}\n  {done.stderr.strip()[-300:]}")


step("uv.lock", ["uv", "lock", "--quiet"], "uv lock")
step("git repository", ["git", "init", "--quiet", "--initial-branch", "main"], "git init")
print("next: `make data` brings the data, `make pipeline` trains, `make pr` judges the model")
