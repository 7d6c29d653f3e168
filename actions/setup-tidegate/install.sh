#!/usr/bin/env bash
# Installs tidegate for this job from the pack's hashed lock and puts `tidegate` on the PATH.
# The environment is kept in the runner's tool cache under the digest of the lock, so that a runner
# that lives on installs it once. Its folder stays off the PATH: the job's `python` remains the job's.
set -euo pipefail

# From the pack's folder, so that no uv settings of the repository under judgement apply.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case "${TIDEGATE_SPARK:-false}" in
  true) requirements=requirements/spark.txt ;;
  false) requirements=requirements/tidegate.txt ;;
  *) echo "setup-tidegate: spark is '$TIDEGATE_SPARK'; write true or false" >&2; exit 2 ;;
esac
lock=$(sha256sum "$requirements")
environment="$RUNNER_TOOL_CACHE/tidegate/${lock:0:16}"

if [ ! -d "$environment" ]; then
  mkdir -p "$RUNNER_TOOL_CACHE/tidegate"
  building=$(mktemp -d "$environment.XXXXXX")
  uv venv --quiet --clear --relocatable --python '>=3.11' "$building"
  uv pip sync --quiet --python "$building" --require-hashes "$requirements"
  # Another job on this runner may have been faster: then its environment serves.
  mv -T "$building" "$environment" 2>/dev/null || rm -rf "$building"
fi

# -I: neither the working directory nor PYTHON* variables can slip a module in.
mkdir -p "$RUNNER_TEMP/tidegate"
cat > "$RUNNER_TEMP/tidegate/tidegate" <<EOF
#!/bin/sh
exec "$environment/bin/python" -I -c '
import sys
sys.path.insert(0, "$PWD/scripts")
from tidegate.cli import main
sys.exit(main())' "\$@"
EOF
chmod +x "$RUNNER_TEMP/tidegate/tidegate"

echo "$RUNNER_TEMP/tidegate" >> "$GITHUB_PATH"
echo "TIDEGATE_READY=$TIDEGATE_PACK ${TIDEGATE_SPARK:-false}" >> "$GITHUB_ENV"
