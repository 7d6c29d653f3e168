"""Refuse answers that would give a broken service, and say why."""

import re
import sys

SERVICE = "{{ cookiecutter.service }}"
APPROVERS = "{{ cookiecutter.approvers }}".split()
LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")


def refuse(reason):
    print(f"refused: {reason}", file=sys.stderr)
    sys.exit(1)


if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", SERVICE):
    refuse(f"service {SERVICE!r}: use lower case letters, digits and single dashes, like 'fraud-score'")
if not APPROVERS:
    refuse("approvers: name at least one GitHub login; production needs somebody who says yes")
for login in APPROVERS:
    if not LOGIN.fullmatch(login):
        refuse(f"approvers: {login!r} is no GitHub login (separate several by spaces, without @)")
