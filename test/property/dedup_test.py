#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: serial timeout=900 cost=600
"""Deduplication of the five real images in one store.

1. A second image on the same base adds at most its own layers' sealed bytes plus 5 % of the base's sealed bytes.
2. Across the five images, the raw length of distinct chunks is at most 1.15 times what content-defined chunking of whole trees in
   path order gives (the reference below: the rule of the design's measurements, on the same mounted trees, padded to blocks).
3. A manifest takes at most 96 bytes a chunk in images of 1,000 chunks or more.
"""
import contextlib
import hashlib
import json
import os
import stat
import sys
import tarfile
import tempfile

from floe_store import FloeStore

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
IMAGES = os.environ.get("FLOE_IMAGES", os.path.join(SOURCE, "build/images"))
NAMES = ("python", "node", "postgres", "jre", "gcc")
BASE_LAYERS = 2  # every image of test/images begins with the same two layers
BLOCK = 4096


def blob(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


def read_json(path):
    with open(path) as source:
        return json.load(source)


def put_json(layout, value):
    data = json.dumps(value).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    with open(blob(layout, digest), "wb") as out:
        out.write(data)
    return {"digest": digest, "size": len(data)}


def layers_of(layout, target, chosen):
    """A layout with the layers `chosen` (a slice) of the image in `layout`."""
    os.makedirs(os.path.join(target, "blobs/sha256"))
    index = read_json(os.path.join(layout, "index.json"))
    manifest = read_json(blob(layout, index["manifests"][0]["digest"]))
    config = read_json(blob(layout, manifest["config"]["digest"]))
    manifest["layers"] = manifest["layers"][chosen]
    config["rootfs"]["diff_ids"] = config["rootfs"]["diff_ids"][chosen]
    config.pop("history", None)
    for layer in manifest["layers"]:
        os.symlink(os.path.realpath(blob(layout, layer["digest"])), blob(target, layer["digest"]))
    manifest["config"].update(put_json(target, config))
    index["manifests"] = [dict(index["manifests"][0], **put_json(target, manifest))]
    with open(os.path.join(target, "index.json"), "w") as out:
        json.dump(index, out)
    with open(os.path.join(target, "oci-layout"), "w") as out:
        out.write('{"imageLayoutVersion":"1.0.0"}')
    return target


def manifest_bytes(layout):
    """Size of the manifest inside a converted layout."""
    index = read_json(os.path.join(layout, "index.json"))
    image = read_json(blob(layout, index["manifests"][0]["digest"]))
    with tarfile.open(blob(layout, image["layers"][0]["digest"])) as layer:
        return next(member.size for member in layer if member.isreg())


def reference_chunks(tree):
    """Content-defined chunks on 4 KiB blocks, mean 256 KiB, 64 KiB to 1 MiB, of the files in path order: {digest: raw bytes}."""
    mean, low, high = 64, 16, 256  # blocks
    chunks, current = {}, []
    for path, size in tree:
        with open(path, "rb", 0) as source:
            for _ in range(0, size, BLOCK):
                value = hashlib.blake2b(source.read(BLOCK), digest_size=8).digest()
                current.append(value)
                if len(current) >= high or (len(current) >= low and int.from_bytes(value, "little") % (mean - low) == 0):
                    chunks[b"".join(current)] = len(current) * BLOCK
                    current = []
    chunks[b"".join(current)] = len(current) * BLOCK
    return {hashlib.sha256(key).digest(): size for key, size in chunks.items()}


def regular_files(folder):
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and status.st_size:
                found.setdefault(status.st_ino, (path, status.st_size))
    return sorted(found.values())


def check(condition, text):
    print(("ok      " if condition else "FAILED  ") + text, flush=True)
    return condition


def second_image_adds_its_own_layers(work, layouts):
    shared = FloeStore(work, "pair")
    base_only = FloeStore(work, "base", secret_of=shared)
    base_only.convert(layers_of(layouts["python"], os.path.join(work, "base-layers"), slice(0, BASE_LAYERS)), os.path.join(work, "b"))
    base = base_only.sealed_bytes()
    shared.convert(layouts["python"], os.path.join(work, "first"))
    good = True
    for name in ("node", "postgres"):
        own_only = FloeStore(work, "own-" + name, secret_of=shared)
        own_only.convert(layers_of(layouts[name], os.path.join(work, name + "-layers"), slice(BASE_LAYERS, None)), os.path.join(work, name + "-own"))
        before = shared.sealed_bytes()
        shared.convert(layouts[name], os.path.join(work, name + "-second"))
        added, limit = shared.sealed_bytes() - before, own_only.sealed_bytes() + 0.05 * base
        good &= check(added <= limit, "%s adds %.1f MB; its own layers %.1f MB, 5 %% of the base %.1f MB" % (
            name, added / 1e6, own_only.sealed_bytes() / 1e6, 0.05 * base / 1e6))
    return good


def distinct_chunks_are_few(work, layouts, undo):
    store, raw, reference, good = FloeStore(work, "five"), 0, {}, True
    for name in NAMES:
        target, mounted = os.path.join(work, "five-" + name), os.path.join(work, "mnt-" + name)
        image = store.convert(layouts[name], target)
        raw += image["chunks"]["new_raw_bytes"]
        count = image["chunks"]["new"] + image["chunks"]["reused"]
        if count >= 1000:
            size = manifest_bytes(target)
            good &= check(size <= 96 * count, "%s: manifest of %d bytes for %d chunks, %.1f a chunk" % (name, size, count, size / count))
        os.mkdir(mounted)
        store.mount(target, mounted)
        undo.callback(store.umount, mounted)
        reference.update(reference_chunks(regular_files(mounted)))
    wanted = sum(reference.values())
    return good & check(raw <= 1.15 * wanted, "distinct chunks of five images: %.1f MB raw, reference %.1f MB, ratio %.3f" % (
        raw / 1e6, wanted / 1e6, raw / wanted))


def main():
    missing = [name for name in NAMES if not os.path.isdir(os.path.join(IMAGES, name))]
    if missing:
        sys.exit("missing test images: %s; run test/images/make" % " ".join(missing))
    layouts = {name: os.path.join(IMAGES, name) for name in NAMES}
    with tempfile.TemporaryDirectory(prefix="floe-dedup-", dir="/var/tmp") as work, contextlib.ExitStack() as undo:
        os.chmod(work, 0o755)  # floe-fusefs reads the store as a user of its own
        good = second_image_adds_its_own_layers(work, layouts)
        good &= distinct_chunks_are_few(work, layouts, undo)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
