#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The options in doc/man/NAME.1.md are those that the commands of its SYNOPSIS print with --help.

usage: manpage_test.py ROOT      (programs from $FLOE_BIN, default ROOT/build/release/bin)
"""
import glob
import os
import re
import subprocess
import sys


def section(text, title):
    match = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % title, text, re.M | re.S)
    return match.group(1) if match else ""


def commands(text):
    """Command paths of the SYNOPSIS: words before the first option, placeholder or bracket."""
    found = []
    for line in section(text, "SYNOPSIS").splitlines():
        words = []
        for word in line.split():
            if not re.fullmatch(r"[a-z][a-z0-9-]*", word):
                break
            words.append(word)
        if words and words not in found:
            found.append(words)
    return found


def documented(text):
    """Options at the beginning of a definition in OPTIONS, such as `**-q**, **--quiet**`."""
    options = set()
    for line in section(text, "OPTIONS").splitlines():
        if line.startswith("**"):
            options |= set(re.findall(r"\*\*(--?[A-Za-z][A-Za-z0-9-]*)\*\*", line))
    return options


def offered(directory, command):
    """Options that --help lists: at the beginning of an indented line."""
    text = subprocess.run([os.path.join(directory, command[0])] + command[1:] + ["--help"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=20, check=True).stdout
    options = set()
    for line in text.splitlines():
        match = re.match(r"\s+((?:--?[A-Za-z][A-Za-z0-9-]*,?\s?)+)", line)
        if match:
            options |= set(re.findall(r"--?[A-Za-z][A-Za-z0-9-]*", match.group(1)))
    return options


def check(directory, page):
    text = open(page).read()
    name = os.path.basename(page)
    paths = commands(text)
    if not paths:
        return ["%s: no command in its SYNOPSIS" % name]
    problems, all_offered = [], set()
    for command in paths:
        if command[0] == "ctr-floe":  # its options are ctr's and floe convert's
            return []
        if command == ["floe", "completion"]:
            continue
        all_offered |= offered(directory, command)
    for option in sorted(all_offered - documented(text)):
        problems.append("%s: %s is offered by %s and not documented" % (name, option, paths[0][0]))
    for option in sorted(documented(text) - all_offered):
        problems.append("%s: %s is documented and not offered" % (name, option))
    return problems


def main(root):
    directory = os.environ.get("FLOE_BIN", os.path.join(root, "build/release/bin"))
    pages = sorted(glob.glob(os.path.join(root, "doc/man/*.[18].md")))
    problems = [] if pages else ["no pages in doc/man"]
    for page in pages:
        program = commands(open(page).read())[:1]
        if program and not os.path.exists(os.path.join(directory, program[0][0])):
            problems.append("%s: %s is not built in %s" % (os.path.basename(page), program[0][0], directory))
            continue
        problems += check(directory, page)
    for problem in problems:
        print(problem)
    print("%d pages, %d problems" % (len(pages), len(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
