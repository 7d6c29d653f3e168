"""Make the service's lock file and git repository, and link it to the template for upgrades."""

import json
import os
import shutil
import subprocess
import sys

ANSWERS = json.loads({{ cookiecutter | tojson | tojson }})
HOSTS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/", "bb:": "https://bitbucket.org/"}


def step(what, command, otherwise):
    if shutil.which(command[0]) is None:
        print(f"left out: {what}; {command[0]} is not installed. Later: {otherwise}")
        return
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        print(f"done: {what}")
    else:
        print(f"left out: {what}. Later: {otherwise}\n  {done.stderr.strip()[-300:]}")


def link(template, folder):
    """Write .cruft.json: which commit of the template this is, and the answers it was given."""

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        top, commit = git("rev-parse", "--show-toplevel"), git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        print("left out: link to the template, which is no git repository. Later: cruft link")
        return
    if template[:3] in HOSTS:
        template = HOSTS[template[:3]] + template[3:]
    elif "://" not in template and "@" not in template:
        template = top
    linked = {
        "template": template,
        "commit": commit,
        "checkout": None,
        "context": {"cookiecutter": {k: v for k, v in ANSWERS.items() if k[0] != "_"}},
        "directory": os.path.relpath(os.path.realpath(folder), top),
    }
    with open(".cruft.json", "w") as file:
        file.write(json.dumps(linked, indent=2) + "\n")
    print("done: link to the template, for `uvx cruft update`")


if ANSWERS["deployer"] != "kubernetes":
    shutil.rmtree("deploy/kubernetes")
# Cruft, which compares two renderings, does not say where the template lies: it needs no more.
if "_repo_dir" not in ANSWERS:
    sys.exit()
# A path is relative to where cookiecutter was called; the hook runs in the service's folder.
start = os.environ.get("PWD", "")
link(ANSWERS["_template"], os.path.join(start, ANSWERS["_repo_dir"]))
step("uv.lock", ["uv", "lock", "--quiet"], "uv lock")
step("git repository", ["git", "init", "--quiet", "--initial-branch", "main"], "git init")
print("next: `make data` brings the data, `make pipeline` trains, `make pr` judges the model")
