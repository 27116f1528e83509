#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The marks of the house: sizes of files and functions, and how many lines of tests (C++ and scripts) there are. Misses are listed with their place.

usage: marks_test.py ROOT
Lengths are counted by layout, as clang-format leaves it: a function is a line that ends in ") ... {" up to the "}" at its indent.
"""
import os
import re
import statistics
import sys

ROOMS = ("base", "erofs", "store", "keeper", "converter", "fusefs", "mount", "snapshotter", "cli")
MEDIAN_FILE, P90_FILE, P90_FUNCTION, LONGEST_FUNCTION, TEST_SHARE = 200, 450, 30, 100, 0.7
OPENER = re.compile(r"^( {0,4})(?!namespace|class |struct |enum |union |if |for |while |switch |else|do |try|catch|return|\}|\.|//)[^\s#/].*[^;]\{$")


def lines_of(path):
    with open(path, errors="replace") as source:
        return source.read().splitlines()


def files(root, folders, ends):
    for top in folders:
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith(ends):
                    yield os.path.join(folder, name)


def functions(path):
    """(line, length) of each function of a file."""
    lines = lines_of(path)
    for number, line in enumerate(lines):
        opened = OPENER.match(line)
        if opened and ")" in line:
            closing = opened.group(1) + "}"
            for end in range(number + 1, len(lines)):
                if lines[end].startswith(closing):
                    yield number + 1, end - number - 1
                    break


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main(root):
    sources = list(files(root, ROOMS, (".cc",)))
    sizes = {path: len(lines_of(path)) for path in sources}
    lengths = [(path, line, length) for path in sources + list(files(root, ROOMS, (".h",))) for line, length in functions(path)]
    source_lines = sum(sizes.values()) + sum(len(lines_of(path)) for path in files(root, ROOMS, (".h",)))
    tests = [path for path in files(root, ("test",), (".cc", ".h", ".py", ".sh"))]
    test_lines = sum(len(lines_of(path)) for path in tests)
    figures = [("median of a .cc file", statistics.median(sizes.values()), MEDIAN_FILE),
               ("p90 of .cc files", percentile(sizes.values(), 0.9), P90_FILE),
               ("p90 of functions", percentile([length for _, _, length in lengths], 0.9), P90_FUNCTION),
               ("longest function", max(length for _, _, length in lengths), LONGEST_FUNCTION)]
    missed = False
    for name, value, mark in figures:
        missed |= value > mark
        print("%-22s %5d   mark %d%s" % (name, value, mark, "   MISSED" if value > mark else ""))
    share = test_lines / source_lines
    missed |= share < TEST_SHARE
    print("%-22s %5.2f   mark %.1f%s" % ("test lines a source line", share, TEST_SHARE, "   MISSED" if share < TEST_SHARE else ""))
    for path, line, length in lengths:
        if length > LONGEST_FUNCTION:
            print("%s:%d: a function of %d lines" % (os.path.relpath(path, root), line, length))
    for path in sources:
        if sizes[path] > P90_FILE:
            print("%s: %d lines" % (os.path.relpath(path, root), sizes[path]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
