#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=400
"""Every way in and out of `floe convert` and `ctr-floe`, each followed by a run of what came out: registry to registry, inside
containerd, OCI layout to OCI layout, and back to an ordinary image."""
import os

from harness import Containerd, World, check, equal, main, on_both

LIST = "find /bin /etc /data | sort; cat /etc/release; sha256sum /data/* 2>/dev/null"


def listing(node, ref, name, snapshotter=None):
    return node.ctr_run(ref, "sh", "-c", LIST, name=name, snapshotter=snapshotter)


def registry_to_registry(box, version):
    world = World(box, version)
    ref = world.converted()
    world.node.pull(world.ordinary, "overlayfs")
    world.node.pull(ref)
    equal(listing(world.node, ref, "lazy"), listing(world.node, world.ordinary, "full", "overlayfs"), "what the container sees")
    manifest = world.registry.manifest("small:floe")
    equal(len(manifest["layers"]), 1, "layers of the converted image")
    check(world.registry.layer_bytes("small:floe") < 64 * 1024, "the layer is tiny: %d bytes", world.registry.layer_bytes("small:floe"))
    again = world.converter.convert("docker://" + world.ordinary, "docker://" + ref)
    equal(again["digest"], world.report["digest"], "converting again finds the same image")


def inside_containerd(box, version):
    world = World(box, version)
    world.node.pull(world.ordinary)
    target = world.registry.ref("small:inside")
    world.node.ctr_floe(world.converter, "images", "convert", world.ordinary, target)
    equal(world.node.ctr_floe(world.converter, "images", "ls", "-q").split(), sorted([target, world.ordinary]),
          "ctr-floe hands other commands to ctr")
    world.node.nerdctl("push", target)
    world.node.remove_image(world.ordinary, target)
    world.node.pull(target)
    check("two\n" in listing(world.node, target, "inside"), "the pushed image runs")


def layout_to_layout(box, version):
    world = World(box, version)
    lazy = box.path("lazy-layout")
    world.converter.convert("oci:%s:latest" % world.layout, "oci:%s:latest" % lazy)
    ref = world.registry.push_layout(lazy, "small:layout")
    world.node.pull(ref)
    check("two\n" in listing(world.node, ref, "layout"), "the image copied by skopeo runs")
    archive = box.path("lazy.tar")
    world.converter.convert("oci:%s:latest" % world.layout, "oci-archive:%s:archive" % archive)
    world.node.ctr("images", "import", "--base-name", "example.invalid/small", "--snapshotter", "floe", archive)
    check("two\n" in listing(world.node, "example.invalid/small:archive", "archive"), "the imported archive runs")


def export_back(box, version):
    world = World(box, version)
    ref = world.converted()
    plain = box.path("plain-layout")
    world.converter.floe("export", "--plain-http", "docker://" + ref, "oci:%s:latest" % plain)
    back = world.registry.push_layout(plain, "small:back")
    bare = Containerd(box, version, "bare")
    bare.pull(world.ordinary)
    bare.pull(back)
    equal(listing(bare, back, "back"), listing(bare, world.ordinary, "original"), "the exported image without floe")


def inspect_says_what_it_is(box, version):
    world = World(box, version)
    ref = world.converted()
    facts = world.converter.json("inspect", "--plain-http", "docker://" + ref)
    text = str(facts)
    source = world.registry.manifest("small:1")
    check(source["config"]["digest"] != "", "the source has a config")
    for word in ("source", "chunks", "recipients", "sign"):
        check(word in text, "floe inspect --json lacks %r: %s", word, text)
    check(os.path.isdir(world.converter.folder), "the store is there")


if __name__ == "__main__":
    main(on_both(registry_to_registry, inside_containerd, layout_to_layout, export_back, inspect_says_what_it_is))
