#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A layer of 10 GiB that does not compress: time and memory of its conversion, and whether every byte is there.

usage: bench/big_layer_bench.py [GIB]      (default 10; needs three times that on the disk of TMPDIR)
Environment: FLOE_BIN (default build/release/bin).

Ten files of random-looking bytes (AES in counter mode, so that the run can be repeated) in one plain tar layer, converted from an OCI
layout into a folder store. Fails when the converter's RSS passes 1 GiB or `floe export` gives other bytes.
"""
import hashlib
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "test/tools"))
import oci_layout  # noqa: E402

BIN = os.environ.get("FLOE_BIN", os.path.join(SOURCE, "build/release/bin"))
FILES = 10
LIMIT_BYTES = 1 << 30  # of memory


def random_files(path, file_bytes):
    """A tar of FILES files; gives the digest of each."""
    key = ["-K", "00112233445566778899aabbccddeeff", "-iv", "0" * 32]
    source = subprocess.Popen(["openssl", "enc", "-aes-128-ctr", "-nosalt"] + key + ["-in", "/dev/zero"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    digests = {}

    class Counted:
        def __init__(self):
            self.digest = hashlib.sha256()

        def read(self, size):
            data = source.stdout.read(size)
            self.digest.update(data)
            return data
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(FILES):
            info, counted = tarfile.TarInfo("data%d" % number), Counted()
            info.size = file_bytes
            tar.addfile(info, counted)
            digests[info.name] = counted.digest.hexdigest()
    source.kill()
    source.wait()
    return digests


def exported_digests(layout):
    digests = {}
    for layer in oci_layout.layer_paths(layout):
        with tarfile.open(layer) as tar:
            for member in tar:
                if member.isfile():
                    digest, data = hashlib.sha256(), tar.extractfile(member)
                    while block := data.read(1 << 20):
                        digest.update(block)
                    digests[os.path.normpath(member.name)] = digest.hexdigest()
    return digests


def main():
    gib = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory(prefix="floe-big-") as folder:
        paths = {name: os.path.join(folder, name) for name in ("layer.tar", "layout", "store", "keys", "out", "back")}
        expected = random_files(paths["layer.tar"], int(gib * (1 << 30)) // FILES)
        size = os.path.getsize(paths["layer.tar"])
        oci_layout.write_big(paths["layout"], paths["layer.tar"])
        floe = [BIN + "/floe", "--store", "folder:" + paths["store"], "--keys", paths["keys"]]
        subprocess.run(floe + ["store", "init"], check=True, stdout=subprocess.DEVNULL)
        start = time.monotonic()
        subprocess.run(floe + ["convert", "oci:" + paths["layout"], "oci:" + paths["out"]], check=True)
        seconds = time.monotonic() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print("%.1f GB converted in %.0f s (%.0f MB/s), %.0f core-seconds, RSS %.0f MB" % (
            size / 1e9, seconds, size / 1e6 / seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6))
        if used.ru_maxrss * 1024 > LIMIT_BYTES:
            sys.exit("more memory than %d bytes" % LIMIT_BYTES)
        subprocess.run(["rm", "-rf", paths["layout"]], check=True)
        subprocess.run(floe + ["export", "oci:" + paths["out"], "oci:" + paths["back"]], check=True)
        if exported_digests(paths["back"]) != expected:
            sys.exit("floe export gives other bytes")
        print("every byte came back through floe export")


if __name__ == "__main__":
    main()
