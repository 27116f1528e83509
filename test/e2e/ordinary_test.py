#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=400
"""The bed itself: ordinary images on containerd's own overlayfs snapshotter, both versions, every client. When this fails the
machine or the harness is wrong, and no other end-to-end result means anything."""
from fixtures import pause_image, small_image
from harness import VERSIONS, Containerd, Registry, equal, main


def clients(version):
    def test(box):
        registry = Registry(box)
        ref = registry.push_layout(small_image(box, data_mb=1), "small:1")
        node = Containerd(box, version)
        node.pull(ref)
        equal(node.ctr_run(ref, "cat", "/etc/release", name="one"), "two\n", "ctr run")
        node.nerdctl("pull", ref)
        equal(node.nerdctl("run", "--rm", "--net", "none", ref, "ls", "/data").split(), ["null"], "nerdctl run sees the whiteout")
    test.label = "clients on containerd " + version
    return test


def cri(version):
    def test(box):
        registry = Registry(box)
        pause = registry.push_layout(pause_image(box), "pause:1")
        ref = registry.push_layout(small_image(box, data_mb=1), "small:1")
        node = Containerd(box, version, pause=pause)
        run_cri(box, node, ref)
    test.label = "CRI on containerd " + version
    return test


def run_cri(box, node, ref):
    import json
    node.cri("pull", ref)
    ids = json.loads(node.cri("run", "pod1", ref, box.folder("podlogs"), "sleep", "100000"))
    equal(node.cri("exec", ids["container"], "cat", "/etc/release"), "two\n", "exec over CRI")
    node.cri("rmp", ids["pod"])
    node.cri("rmi", ref)


if __name__ == "__main__":
    main([kind(version) for version in VERSIONS for kind in (clients, cri)])
