#!/usr/bin/env bash
# Builds viewer.js, the script of the page, from src/ and three.js. What is committed is its output,
# so that a user needs neither Node.js nor npm; a test holds the two together.
#
#   bash ban_tf/view/viewer/web/build.sh             writes viewer.js beside this script
#   bash ban_tf/view/viewer/web/build.sh /tmp/x.js   writes another file
set -euo pipefail
web="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
out="${1:-$web/viewer.js}"
if ! command -v npm >/dev/null; then
  echo "build.sh: npm is needed, which comes with Node.js." >&2
  exit 1
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp "$web/package.json" "$web/package-lock.json" "$work"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error
sources="$(LC_ALL=C; cat "$web"/src/*.js "$web/package-lock.json" "$web/build.sh" | sha256sum)"
banner="$(printf '/*!\nBuilt by build.sh of sources whose SHA-256 is %s.\n' "${sources%% *}")
The parts of this file that are three.js stand under this licence:

$(cat "$work/node_modules/three/LICENSE")
*/"
NODE_PATH="$work/node_modules" "$work/node_modules/.bin/esbuild" "$web/src/main.js" \
  --bundle --minify --format=esm --target=es2022 --charset=utf8 --legal-comments=none \
  --banner:js="$banner" --log-level=warning --outfile="$work/viewer.js"
if grep -qiE '</script|<!--' "$work/viewer.js"; then
  echo "build.sh: the script holds what would end it within a page." >&2
  exit 1
fi
mv "$work/viewer.js" "$out"
echo "wrote $out, $(wc -c <"$out") bytes"
