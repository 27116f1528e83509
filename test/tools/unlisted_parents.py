#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the directories of an image whose mtime containerd's unpack makes up: the topmost layer that has them changes what is in them
but has no entry for them, so they get the time of the unpack. One path a line, for compare_trees --unlisted.

usage: unlisted_parents.py LAYOUT [TAG]        (an OCI layout; zstd layers need the program zstd)
"""
import io
import os
import posixpath
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oci_layout


def open_layer(path):
    with open(path, "rb") as blob:
        magic = blob.read(4)
    if magic == b"\x28\xb5\x2f\xfd":
        return tarfile.open(fileobj=io.BytesIO(subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout))
    return tarfile.open(path)


def resolve(path, symlinks):
    """The path with symlinks of the same layer followed in all its names."""
    done, todo, steps = [], path.split("/"), 0
    while todo and steps < 1000:
        steps += 1
        name = todo.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            done = done[:-1]
            continue
        target = symlinks.get("/".join(done + [name]))
        if target is None:
            done.append(name)
        else:
            if target.startswith("/"):
                done = []
            todo = posixpath.normpath(target).split("/") + todo
    return "/".join(done)


def unlisted_in(layer):
    """(touched, listed) directories of one layer."""
    symlinks, touched, listed = {}, set(), set()
    with layer as tar:
        for member in tar:
            name = posixpath.normpath(member.name).lstrip("/")
            if name == ".":
                continue
            parent, base = posixpath.split(name)
            parent = resolve(parent, symlinks)
            name = posixpath.join(parent, base)
            at = parent
            while at:
                touched.add(at)
                at = posixpath.dirname(at)
            symlinks.pop(name, None)
            if member.issym():
                symlinks[name] = member.linkname
            if member.isdir():
                listed.add(name)
    return touched - listed, listed


def unlisted_parents(layout, tag=None):
    result = set()
    for path in oci_layout.layer_paths(layout, tag):
        touched, listed = unlisted_in(open_layer(path))
        result = (result - listed) | touched
    return result


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    for path in sorted(unlisted_parents(*sys.argv[1:])):
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")
