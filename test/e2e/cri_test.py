#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300
"""What a kubelet asks: pull, host-network pod, exec, stats, imagefsinfo, remove pod and image, with floe as CRI's snapshotter."""
import json
import os

from harness import Containerd, Converter, Floe, Registry, World, check, equal, main, on_both, pause_image, small_image, wait_until


def used(usage):
    return int(usage.get("used_bytes", {}).get("value", 0))


def kubelet_calls(box, version):
    world = World(box, version, pause=pause_image(box))
    ref, node = world.converted(), world.node
    node.cri("pull", ref)
    ids = json.loads(node.cri("run", "pod1", ref, box.folder("podlogs"), "sleep", "100000"))
    equal(node.cri("exec", ids["container"], "cat", "/etc/release"), "two\n", "exec over CRI")
    equal(node.cri("exec", ids["container"], "wc", "-c", "/data/file1").split()[0], str(1 << 20), "a cold file over CRI")
    equal(len(world.floe.mounts()), 1, "mounts of the image")
    node.cri("exec", ids["container"], "dd", "if=/dev/urandom", "of=/written", "bs=1M", "count=3")
    # containerd asks the snapshotter every ten seconds and answers from what it was told.
    wait_until("stats count what was written", lambda: used(json.loads(node.cri("stats", ids["container"]))["stats"]["writable_layer"]) >= 3 << 20)
    images = lambda: json.loads(node.cri("imagefsinfo"))["image_filesystems"][0]  # noqa: E731
    wait_until("imagefsinfo counts it too", lambda: used(images()) >= 3 << 20)
    check(used(images()) < 8 << 20, "imagefsinfo counts bytes that are in the store only: %s", images())
    if version == "2.4":
        equal(images()["fs_id"]["mountpoint"], world.floe.root, "imagefsinfo names the snapshotter's root")
    node.cri("rmp", ids["pod"])
    node.cri("rmi", ref)
    node.cri("rmi", node.pause)
    wait_until("containerd's snapshots are collected", lambda: not node.snapshots(namespace="k8s.io"))
    world.nothing_pinned()
    world.converter.floe("store", "check")


def image_folder_on_1_6(box):
    """1.6 ignores exports.root and looks below its own root: floe's root must be that folder (tiny-layer trap 8)."""
    registry, converter = Registry(box), Converter(box)
    pause = registry.push_layout(pause_image(box), "pause:1")
    ordinary = registry.push_layout(small_image(box), "small:1")
    ref = registry.ref("small:floe")
    converter.convert("docker://" + ordinary, "docker://" + ref)
    root = os.path.join(box.folder("node"), "root", "io.containerd.snapshotter.v1.floe")
    os.makedirs(os.path.dirname(root))
    floe = Floe(box, converter, root=root)
    node = Containerd(box, "1.6", floe=floe, pause=pause)
    node.cri("pull", ref)
    info = json.loads(node.cri("imagefsinfo"))
    equal(info["image_filesystems"][0]["fs_id"]["mountpoint"], root, "imagefsinfo")


if __name__ == "__main__":
    main(on_both(kubelet_calls) + [image_folder_on_1_6])
