#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=600 cost=60
# containerd's own snapshotter test suite against floe-snapshotter, through the proxy client. In
# namespaces of its own: mounts and processes end with it, whatever happens. FLOE_BIN: our programs.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
bin=${FLOE_BIN:-$source_dir/build/release/bin}
suite=${FLOE_SUITE:-$source_dir/build/go/suite/suite.test}
[ -x "$suite" ] || "$source_dir/test/go/build" suite
work=$(mktemp -d "${TMPDIR:-/tmp}/floe-suite-XXXXXX")
trap 'rm -rf "$work"' EXIT
status=0
TMPDIR=$work unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
  "$suite" -test.root -test.v -floe-snapshotter "$bin/floe-snapshotter" -floe-args "--daemons-on-demand" \
  >"$work/log" 2>&1 || status=$?
grep -E '^ *--- |^(PASS|FAIL|panic)' "$work/log" || true
if [ "$status" != 0 ]; then
  # The suite logs every mount; what failed stands beside its line number.
  grep -vE 'activating mount|level=debug' "$work/log" | cut -c1-600 | tail -60
fi
# Every case must have run: the suite of v2.4.2 has this many.
passed=$(grep -cE '^    --- PASS' "$work/log" || true)
echo "$passed cases passed"
[ "$status" = 0 ] && [ "$passed" -eq 21 ]
