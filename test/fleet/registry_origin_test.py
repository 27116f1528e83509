#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=200
"""A registry as origin: Debian's docker-registry, behind one that wants tokens, holds images and their chunks; floe-fusefs reads
them with ranges. Tokens expire while an image is mounted, and the registry's own garbage collection keeps and takes what
doc/registry-origin.md says."""
import base64
import hashlib
import json
import os
import subprocess
import urllib.request

from harness import Converter, Registry, check, drop_page_cache, equal, fill, layers_image, main, need, program, wait_until
from token_proxy import PASSWORD, USER, TokenProxy

REPOSITORY = "team/images"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Place:
    """A registry with a store in one of its repositories, and what reads and writes it."""

    def __init__(self, box):
        self.box = box
        os.chmod(box.dir, 0o755)
        self.registry = Registry(box)
        self.proxy = TokenProxy(box, self.registry.host)
        self.login(PASSWORD)
        address = "registry:%s/%s?plain-http=true&pack=1MiB&config=%s" % (self.proxy.host, REPOSITORY, box.path("docker"))
        self.converter = Converter(box, address=address, env={"DOCKER_CONFIG": box.path("docker")})

    def login(self, password):
        # floe-fusefs reads it without privileges: a file of its own, not root's.
        os.makedirs(self.box.path("docker"), exist_ok=True)
        auth = base64.b64encode(("%s:%s" % (USER, password)).encode()).decode()
        self.box.write("docker/config.json", json.dumps({"auths": {self.proxy.host: {"auth": auth}}}))

    def ref(self, tag):
        return "%s/%s:%s" % (self.proxy.host, REPOSITORY, tag)

    def convert(self, layout, tag, *flags):
        return self.converter.convert("oci:%s:latest" % layout, "docker://" + self.ref(tag), *flags)

    def mount(self, tag):
        target = self.box.folder("mnt-" + tag)
        self.box.undo.callback(subprocess.run, [program("floe"), "umount", target], stderr=subprocess.DEVNULL)
        self.converter.floe("mount", "--plain-http", "docker://" + self.ref(tag), target)
        return target

    def umount(self, target):
        self.converter.floe("umount", target)

    def tags(self):
        url = "http://%s/v2/%s/tags/list" % (self.registry.host, REPOSITORY)
        with urllib.request.urlopen(url, timeout=30) as answer:
            return sorted(json.load(answer)["tags"] or [])

    def delete(self, target):
        """Deletes a manifest by tag or digest, as docker-registry wants it: by digest."""
        url = "http://%s/v2/%s/manifests/" % (self.registry.host, REPOSITORY)
        with urllib.request.urlopen(urllib.request.Request(url + target, headers={"Accept": MANIFEST}), timeout=30) as answer:
            digest = answer.headers["Docker-Content-Digest"]
        with urllib.request.urlopen(urllib.request.Request(url + digest, method="DELETE"), timeout=30) as answer:
            equal(answer.status, 202, "deleting " + target)

    def collect(self, *flags):
        """The registry's own garbage collection, while it is down, as its documentation wants it."""
        self.registry.daemon.stop()
        self.box.run(["docker-registry", "garbage-collect"] + list(flags) + [self.box.path("registry.yml")])
        self.registry.daemon.start()
        wait_until("registry answers", self.registry.answers)

    def stored_bytes(self):
        blobs = self.box.path("registry")
        return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(blobs) for name in names if name == "data")


def image(box, name, seeds):
    """One layer of 1 MB files; equal seeds are equal files."""
    tree = box.folder(name + "-tree")
    os.makedirs(os.path.join(tree, "data"))
    for number, seed in enumerate(seeds):
        fill(os.path.join(tree, "data", "file%d" % number), 1 << 20, seed)
    return layers_image(box, name, [tree]), tree


def same(mounted, tree):
    for name in sorted(os.listdir(os.path.join(tree, "data"))):
        digests = []
        for root in (mounted, tree):
            with open(os.path.join(root, "data", name), "rb") as file:
                digests.append(hashlib.sha256(file.read()).hexdigest())
        equal(digests[0], digests[1], name)


def converts_mounts_and_survives_expired_tokens(box):
    place = Place(box)
    layout, tree = image(box, "one", range(8))
    report = place.convert(layout, "one")
    equal(report["images"][0]["outcome"], "converted", "the first conversion")
    check(place.stored_bytes() > 8 << 20, "the registry holds the chunks: %d bytes", place.stored_bytes())
    target = place.mount("one")
    half = os.path.join(target, "data/file0")
    with open(half, "rb") as file:
        equal(file.read(), open(os.path.join(tree, "data/file0"), "rb").read(), "a file")
    before = place.proxy.asked_for_tokens
    place.proxy.expire()
    drop_page_cache()
    same(target, tree)
    check(place.proxy.asked_for_tokens > before, "no token was asked for after all expired")
    ranged = [entry for entry in place.proxy.log if entry[0] == "GET" and entry[2] and entry[3] == 206]
    check(ranged, "chunks came in ranges: %s", place.proxy.log[-5:])
    again = place.convert(layout, "two")
    equal(again["images"][0]["outcome"], "reused", "converting again finds the earlier result in the registry")
    place.umount(target)
    place.converter.floe("store", "check", "--deep")
    stat = place.converter.json("store", "stat")
    equal(sum(root["images"] for root in stat["roots"]), 1, "images: %s" % stat)


def a_changed_password_is_read_again(box):
    place = Place(box)
    layout, tree = image(box, "one", range(4))
    place.convert(layout, "one")
    target = place.mount("one")
    place.proxy.password = "another"
    place.proxy.expire()
    place.login("another")
    same(target, tree)


def garbage_collection_keeps_what_lives(box):
    place = Place(box)
    first, first_tree = image(box, "first", range(0, 6))
    second, second_tree = image(box, "second", range(3, 9))
    one, two = place.convert(first, "first"), place.convert(second, "second")
    check(two["images"][0]["chunks"]["reused"] > 0, "chunks of the first are referenced again: %s", two)
    for flags in ((), ("--delete-untagged",)):
        place.collect(*flags)
        for tag, tree in (("first", first_tree), ("second", second_tree)):
            target = place.mount(tag)
            drop_page_cache()
            same(target, tree)
            place.umount(target)
    full = place.stored_bytes()
    # docker-registry 2.8 knows no referrers: the index has a tag of its own, which is deleted with the image.
    place.delete(one["digest"])
    place.delete("floe-" + one["images"][0]["manifest"])
    place.collect("--delete-untagged")
    target = place.mount("second")
    drop_page_cache()
    same(target, second_tree)
    place.umount(target)
    place.converter.floe("store", "check", "--deep")
    place.delete(two["digest"])
    place.delete("floe-" + two["images"][0]["manifest"])
    place.collect("--delete-untagged")
    check(place.stored_bytes() < 200_000 < full, "%d of %d bytes are left", place.stored_bytes(), full)


def a_registry_that_ignores_ranges(box):
    place = Place(box)
    layout, tree = image(box, "one", range(4))
    place.convert(layout, "one")
    place.proxy.honours_ranges = False
    target = place.mount("one")
    same(target, tree)
    address = "registry:%s/other?plain-http=true&config=%s" % (place.proxy.host, box.path("docker"))
    out = place.converter.box.run([program("floe"), "store", "init", address], place.converter.env, code=None)
    check("does not honour Range" in str(out), "the refusal: %s", out)


if __name__ == "__main__":
    need("/usr/bin/docker-registry", "packaging/install-deps test")
    main([converts_mounts_and_survives_expired_tokens, a_changed_password_is_read_again, garbage_collection_keeps_what_lives,
          a_registry_that_ignores_ranges])
