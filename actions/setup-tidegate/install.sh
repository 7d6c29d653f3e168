#!/usr/bin/env bash
# Installs tidegate for this job from the pack's hashed lock and puts `tidegate` on the PATH.
# The virtual environment's own folder stays off the PATH: the job's `python` remains the job's.
set -euo pipefail

pack=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
home="$RUNNER_TEMP/tidegate"

# From the pack's folder, so that no uv settings of the repository under judgement apply.
cd "$pack"
uv venv --quiet --clear --python '>=3.11' "$home/venv"
uv pip sync --quiet --python "$home/venv" --require-hashes requirements/tidegate.txt
site=$("$home/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$pack/scripts" > "$site/tidegate.pth"

# -I: neither the working directory nor PYTHON* variables can slip a module in.
mkdir -p "$home/bin"
printf '#!/bin/sh\nexec "%s/venv/bin/python" -I -m tidegate "$@"\n' "$home" > "$home/bin/tidegate"
chmod +x "$home/bin/tidegate"

echo "$home/bin" >> "$GITHUB_PATH"
echo "TIDEGATE_READY=$TIDEGATE_PACK" >> "$GITHUB_ENV"
