"""Refuse answers that would give a broken service, and say why."""

import keyword
import re
import sys

SERVICE = {{ cookiecutter.service | tojson }}
DESCRIPTION = {{ cookiecutter.description | tojson }}
APPROVERS = {{ cookiecutter.approvers | tojson }}.split()
# Python packages that the service imports: one of its own by that name would hide them.
TAKEN = {
    *("fastapi", "mlflow", "numpy", "pandas", "pandera", "polars", "prometheus_client", "pydantic"),
    *("sklearn", "skops", "starlette", "tests", "uvicorn", "yaml"),
}
# YAML reads these as something else than a name.
NO_NAMES = {"false", "n", "no", "null", "off", "on", "true", "y", "yes"}
LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")


def refuse(reason):
    print(f"refused: {reason}", file=sys.stderr)
    sys.exit(1)


if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", SERVICE):
    refuse(f"service {SERVICE!r}: use lower case letters, digits and single dashes, like 'fraud-score'")
package = SERVICE.replace("-", "_")
if keyword.iskeyword(package) or package in sys.stdlib_module_names | TAKEN | NO_NAMES:
    refuse(f"service {SERVICE!r}: the word means something else to Python or YAML; add to it, like '{SERVICE}-service'")
if re.search(r'["\\\x00-\x1f\x7f]', DESCRIPTION):
    refuse("description: one line without double quotes and backslashes")
if not APPROVERS:
    refuse("approvers: name at least one GitHub login; production needs somebody who says yes")
for login in APPROVERS:
    if not LOGIN.fullmatch(login):
        refuse(f"approvers: {login!r} is no GitHub login (separate several by spaces, without @)")
