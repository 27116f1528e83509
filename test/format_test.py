#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every C++ file is as clang-format 14 leaves it and begins with its licence; scripts say their licence or their purpose.

usage: format_test.py ROOT
"""
import os
import subprocess
import sys

SKIPPED = {"build", ".git", ".cache"}


def sources(root):
    for folder, dirs, names in os.walk(root):
        dirs[:] = [d for d in dirs if d not in SKIPPED]
        for name in names:
            if name.endswith((".cc", ".h")):
                yield os.path.join(folder, name)


def main(root):
    paths = sorted(sources(root))
    problems = []
    for path in paths:
        with open(path) as source:
            if source.readline().strip() != "// SPDX-License-Identifier: Apache-2.0":
                problems.append("%s: the first line must be the SPDX line" % os.path.relpath(path, root))
    done = subprocess.run(["clang-format-14", "--dry-run", "--Werror"] + paths, stderr=subprocess.PIPE, text=True, cwd=root)
    places = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line})
    problems += ["%s: run clang-format-14 -i on it" % os.path.relpath(place, root) for place in places]
    print("\n".join(problems))
    print("%d files, %d problems" % (len(paths), len(problems)))
    return 1 if problems or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
