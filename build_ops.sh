#!/usr/bin/env bash
# Installs this package (editable, with its dependencies and the test extra) in
# the active Python environment and compiles tf_ops against the TensorFlow found
# there.  An installed TensorFlow is never replaced.
#
#   bash build_ops.sh              install and compile
#   bash build_ops.sh --ops-only   compile only, install nothing
#
# Environment: PYTHON (default: python), CXX (default: g++, then clang++),
# CUDACXX or CUDA_HOME (default: nvcc on PATH), BAN_CUDA=0 (leave CUDA out),
# BAN_CUDA_ARCHITECTURES (of GPUs, such as 90 or 80,90; default: 75 to 90),
# BAN_MARCH (the processor to compile for, such as x86-64-v3; default: this one).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

ops_only=0
for argument in "$@"; do
  case "$argument" in
    --ops-only) ops_only=1 ;;
    -h | --help)
      sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' build_ops.sh
      exit 0
      ;;
    *)
      echo "build_ops.sh: unknown argument '$argument'. Known: --ops-only, --help." >&2
      exit 2
      ;;
  esac
done

python="${PYTHON:-python}"
if ! command -v "$python" >/dev/null; then
  echo "build_ops.sh: no '$python' found. Make and activate an environment first:" >&2
  echo "  python3 -m venv .venv && . .venv/bin/activate" >&2
  exit 1
fi
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then
  echo "build_ops.sh: Python 3.11, 3.12 or 3.13 is needed, but '$python' is" \
    "$("$python" --version 2>&1). Activate an environment of one of these." >&2
  exit 1
fi

if [[ $ops_only == 0 ]]; then
  "$python" -m tf_ops.building.install
fi
exec "$python" -m tf_ops.building.compile
