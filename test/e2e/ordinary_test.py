#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=400
"""The bed itself: ordinary images on containerd's own overlayfs snapshotter, both versions, every client. When this fails the
machine or the harness is wrong, and no other end-to-end result means anything."""
import json

from harness import Containerd, Registry, equal, main, on_both, pause_image, small_image


def ctr_and_nerdctl(box, version):
    registry = Registry(box)
    ref = registry.push_layout(small_image(box, data_mb=1), "small:1")
    node = Containerd(box, version)
    node.pull(ref)
    equal(node.ctr_run(ref, "cat", "/etc/release", name="one"), "two\n", "ctr run")
    node.nerdctl("pull", ref)
    equal(node.nerdctl_sees(ref, "ls /data").split(), ["null"], "nerdctl run sees the whiteout")


def kubelet_calls(box, version):
    registry = Registry(box)
    pause = registry.push_layout(pause_image(box), "pause:1")
    ref = registry.push_layout(small_image(box, data_mb=1), "small:1")
    node = Containerd(box, version, pause=pause)
    node.cri("pull", ref)
    ids = json.loads(node.cri("run", "pod1", ref, box.folder("podlogs"), "sleep", "100000"))
    equal(node.cri("exec", ids["container"], "cat", "/etc/release"), "two\n", "exec over CRI")
    node.cri("rmp", ids["pod"])
    node.cri("rmi", ref)


if __name__ == "__main__":
    main(on_both(ctr_and_nerdctl, kubelet_calls))
