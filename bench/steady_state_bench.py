#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Steady state: the mounted python image against the same tree on ext4, in one run, pair by pair.

usage: bench/steady_state_bench.py [IMAGE]      (an image of build/images; default python)
Environment: FLOE_BIN (default build/release/bin), FLOE_IMAGES (default build/images). Needs root.

Measures, nine pairs each after a warm-up, and prints medians and the ratio floe / ext4 pair by pair:
  cold tar         tar with the page cache dropped; floe's chunks are in its disk tier
  warm find+stat   find -printf of every entry, everything in the page cache, as the cold tar left it there
  warm tar         tar of the whole tree, everything in the page cache
floe is mounted again once its disk tier has everything, so that it has the readahead of an image that is wholly local.
and the sum of the parts of the cold tar (bench/open_parts): read, check, open, decompress the same bytes.
"""
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.environ.get("FLOE_BIN", os.path.join(SOURCE, "build/release/bin"))
IMAGES = os.environ.get("FLOE_IMAGES", os.path.join(SOURCE, "build/images"))
PAIRS = 9


def run(*argv, env=None):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, env=dict(os.environ, **(env or {}))).stdout.decode()


def timed(command):
    start = time.monotonic()
    subprocess.run(["sh", "-c", command], check=True)
    return time.monotonic() - start


def drop_page_cache():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as control:
        control.write("3")


def find_stat(folder):
    return "find %s -printf '%%s %%m %%U %%T@\\n' >/dev/null" % folder


def tar(folder):  # through a pipe: tar reads nothing when it sees /dev/null
    return "tar -C %s -cf - . | cat >/dev/null" % folder


def compare(name, command, floe, ext4, before=lambda: None):
    pairs = []
    for attempt in range(PAIRS + 1):
        pair = []
        for folder in (floe, ext4):
            before()
            pair.append(timed(command(folder)))
        if attempt:
            pairs.append(pair)
    floe_s, ext4_s = (statistics.median(column) for column in zip(*pairs))
    ratios = sorted(a / b for a, b in pairs)
    print("%-16s floe %6.2f s   ext4 %6.2f s   ratio %.2f (%.2f to %.2f)" % (
        name, floe_s, ext4_s, statistics.median(ratios), ratios[0], ratios[-1]), flush=True)
    return floe_s


def manifest_of(layout):
    """The floe manifest inside a published OCI layout."""
    def blob(digest):
        return os.path.join(layout, "blobs", *digest.split(":"))
    with open(os.path.join(layout, "index.json")) as index:
        image = json.load(open(blob(json.load(index)["manifests"][0]["digest"])))
    with tarfile.open(blob(image["layers"][0]["digest"])) as layer:
        return layer.extractfile(next(m for m in layer if m.isreg())).read()


def main(name):
    with contextlib.ExitStack() as undo:
        work = undo.enter_context(tempfile.TemporaryDirectory(prefix="floe-bench-", dir="/var/tmp"))
        os.chmod(work, 0o755)  # floe-fusefs reads the store as a user of its own
        path = lambda part: os.path.join(work, part)
        config = path("floe.toml")
        with open(config, "w") as out:
            out.write('[store]\naddress = "folder:%s"\n[keys]\ndirectory = "%s"\n' % (path("store"), path("keys")))
        env = {"FLOE_CONFIG": config}
        floe = os.path.join(BIN, "floe")
        run(floe, "store", "init", "folder:%s" % path("store"), env=env)
        run(floe, "convert", "oci:%s" % os.path.join(IMAGES, name), "oci:%s" % path("converted"), env=env)
        for folder in ("floe", "ext4"):
            os.mkdir(path(folder))
        mount = (floe, "mount", "oci:%s" % path("converted"), path("floe"), "--cache-dir", path("cache"))
        run(*mount, env=env)
        undo.callback(run, floe, "umount", path("floe"), env=env)
        run("truncate", "-s", "4G", path("ext4.img"))
        run("mkfs.ext4", "-q", "-F", path("ext4.img"))
        run("mount", "-o", "loop", path("ext4.img"), path("ext4"))
        undo.callback(run, "umount", path("ext4"))
        subprocess.run("tar -C %s -cf - . | tar -C %s -xpf -" % (path("floe"), path("ext4")), shell=True, check=True)
        run(floe, "umount", path("floe"), env=env)
        run(*mount, env=env)
        entries = sum(len(d) + len(f) for _, d, f in os.walk(path("floe")))
        print("image %s: %d entries, %.0f MB in the tar" % (name, entries, int(subprocess.run(
            "tar -C %s -cf - . | wc -c" % path("floe"), shell=True, check=True, stdout=subprocess.PIPE).stdout) / 1e6))
        cold = compare("cold tar", tar, path("floe"), path("ext4"), drop_page_cache)
        compare("warm find+stat", find_stat, path("floe"), path("ext4"))
        compare("warm tar", tar, path("floe"), path("ext4"))
        with open(path("manifest"), "wb") as out:
            out.write(manifest_of(path("converted")))
        drop_page_cache()
        parts = run(os.path.join(BIN, "open_parts"), path("store"), path("keys"), path("manifest"))
        print(parts, end="")
        share = float(parts.split()[-1]) / os.cpu_count()
        print("parts over %d cores %.2f s; cold tar takes %.2f of it" % (os.cpu_count(), share, cold / share))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "python")
