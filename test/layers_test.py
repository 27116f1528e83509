#!/usr/bin/env python3
"""Includes obey cmake/layers.txt: no upward or sideways arrow, no circle of rooms or files, no foreign header outside its home.

usage: layers_test.py ROOT
"""
import os
import re
import sys

SKIPPED_DIRS = {"build", ".git", ".cache", "test", "bench"}


def read_rules(root):
    rooms, foreign = {}, []
    for line in open(os.path.join(root, "cmake/layers.txt")):
        line = line.split("#")[0].strip()
        if not line:
            continue
        left, right = line.rsplit(":", 1)
        if left.startswith("!"):
            foreign += [(prefix, right.split()) for prefix in left[1:].split()]
        else:
            rooms[left] = set(right.split())
    return rooms, foreign


def sources(root):
    for folder, dirs, files in os.walk(root):
        dirs[:] = [d for d in dirs if d not in SKIPPED_DIRS]
        for name in files:
            if name.endswith((".cc", ".h")):
                yield os.path.relpath(os.path.join(folder, name), root)


def includes(path):
    for number, line in enumerate(open(path), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if match:
            yield number, match.group(1), match.group(2)


def check_file(root, path, rooms, foreign, arrows):
    room = path.split(os.sep)[0]
    for number, kind, target in includes(os.path.join(root, path)):
        where = "%s:%d" % (path, number)
        top = target.split("/")[0]
        if kind == '"' and top in rooms:
            arrows.setdefault(path, set()).add(target)
            if top != room and top not in rooms[room]:
                yield "%s: room %s may not include %s (cmake/layers.txt)" % (where, room, target)
        for prefix, homes in foreign:
            if target.startswith(prefix) and not any(path.startswith(home) for home in homes):
                yield "%s: %s may only be included in %s" % (where, target, " ".join(homes))


def circles(arrows):
    state = {}

    def visit(node, trail):
        state[node] = 1
        for target in sorted(arrows.get(node, ())):
            if state.get(target) == 1:
                yield "include circle: " + " -> ".join(trail[trail.index(target):] + [target])
            elif target not in state:
                yield from visit(target, trail + [target])
        state[node] = 2

    for node in sorted(arrows):
        if node not in state:
            yield from visit(node, [node])


def main(root):
    rooms, foreign = read_rules(root)
    arrows, problems = {}, []
    files = [p for p in sources(root) if p.split(os.sep)[0] in rooms]
    for path in files:
        problems += check_file(root, path, rooms, foreign, arrows)
    problems += circles(arrows)
    problems += circles(rooms)
    if not files:
        problems.append("no source found under " + root)
    for problem in problems:
        print(problem)
    print("%d files, %d problems" % (len(files), len(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
