#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""packaging/debian-sources reads apt's sources in both formats, says what is missing, and names no host of its own; nor does anything else.

usage: debian_sources_test.py ROOT
"""
import os
import re
import subprocess
import sys
import tempfile

ONE_LINE = """# deb http://off.example/debian bookworm main
deb [arch=amd64] http://a.example/debian bookworm main contrib
deb-src http://a.example/debian bookworm main
deb http://a.example/debian/ bookworm-updates main
deb http://b.example/debian-security bookworm-security main
deb http://c.example/debian trixie main
"""
DEB822 = """Types: deb
URIs: http://a.example/debian/
Suites: bookworm bookworm-updates
Components: main non-free-firmware

Types: deb
URIs: http://b.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
WANTED = ["deb http://a.example/debian bookworm main", "deb http://a.example/debian bookworm-updates main",
          "deb http://b.example/debian-security bookworm-security main"]
# Hosts of Debian's own, of distributors' and of language package registries.
PACKAGE_HOST = re.compile(r"\b(deb|security|ftp|snapshot|archive)\.(debian|ubuntu)\.(org|com)\b|\bproxy\.golang\.org\b|\bpypi\.org\b|\bpythonhosted\.org\b")


def run(root, folder, name, text, **env):
    """(exit code, lines, errors) of debian-sources with `text` as apt's only source."""
    parts = os.path.join(folder, "parts")
    os.makedirs(parts, exist_ok=True)
    for old in os.listdir(parts):
        os.unlink(os.path.join(parts, old))
    if text:
        with open(os.path.join(parts, name), "w") as out:
            out.write(text)
    config = os.path.join(folder, "apt.conf")
    with open(config, "w") as out:
        out.write('Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "%s";\nDir::State::lists "%s/lists";\n' % (parts, folder))
    clean = {key: value for key, value in os.environ.items() if key != "FLOE_DEBIAN_MIRROR"}
    done = subprocess.run([os.path.join(root, "packaging/debian-sources"), "bookworm"], capture_output=True, text=True,
                          env={**clean, "APT_CONFIG": config, **env})
    return done.returncode, done.stdout.splitlines(), done.stderr


def hosts_named(root):
    """Places of the tree that name a host of packages."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []
    for name in names:
        if name == "test/debian_sources_test.py" or not os.path.isfile(os.path.join(root, name)):
            continue
        with open(os.path.join(root, name), errors="replace") as text:
            for number, line in enumerate(text, 1):
                if PACKAGE_HOST.search(line):
                    yield "%s:%d" % (name, number)


def main(root):
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("test.list", ONE_LINE), ("test.sources", DEB822), ("test.list", ONE_LINE + ONE_LINE)):  # apt warns of the last
            code, lines, errors = run(root, folder, name, text)
            if (code, lines, errors) != (0, WANTED, ""):
                wrong.append("%s: exit code %d, %s %s" % (name, code, lines, errors))
        for text in ("", "deb http://a.example/debian bookworm-updates main\n"):
            code, lines, errors = run(root, folder, "test.list", text)
            if code != 1 or lines or "bookworm main" not in errors or "FLOE_DEBIAN_MIRROR" not in errors:
                wrong.append("no suite: exit code %d, %s %s" % (code, lines, errors))
        code, lines, errors = run(root, folder, "test.list", "", FLOE_DEBIAN_MIRROR="http://m.example/debian/")
        if code != 0 or lines[0] != "deb http://m.example/debian bookworm main" or len(lines) != 3:
            wrong.append("FLOE_DEBIAN_MIRROR: exit code %d, %s %s" % (code, lines, errors))
    wrong += ["%s: names a host of packages; ask the machine's own configuration instead" % place for place in hosts_named(root)]
    print("\n".join(wrong) or "debian-sources: one-line, deb822, nothing there and the override are right; no package host is named")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
