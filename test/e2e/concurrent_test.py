#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=400
"""Many at once: a hundred Prepares of one new image from two namespaces, and the removal of an image against a Prepare on it."""
import concurrent.futures
import subprocess

from harness import World, check, equal, main, on_both, wait_until


def snapshot_names(node, namespace):
    """The one committed snapshot of the converted image."""
    return [name for name in node.snapshots(namespace=namespace) if name.startswith("sha256:")]


def hundred_prepares_one_mount(box, version):
    world = World(box, version)
    ref, node = world.converted(), world.node
    names = {}
    for namespace in ("left", "right"):
        node.ctr("images", "pull", "--plain-http", "--snapshotter", "floe", ref, namespace=namespace)
        names[namespace], = snapshot_names(node, namespace)
    equal(world.floe.mounts(), [], "a pull mounts nothing")

    def prepare(number):
        namespace = ("left", "right")[number % 2]
        node.ctr("snapshots", "--snapshotter", "floe", "prepare", "c%d" % number, names[namespace], namespace=namespace)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(prepare, range(100)))
    equal(len(world.floe.mounts()), 1, "mounts of one manifest after a hundred Prepares")
    for number in range(100):
        node.ctr("snapshots", "--snapshotter", "floe", "rm", "c%d" % number, namespace=("left", "right")[number % 2])
    for namespace in ("left", "right"):
        node.ctr("images", "rm", "--sync", ref, namespace=namespace)
    wait_until("the mount goes with both namespaces", lambda: not world.floe.mounts())
    world.nothing_pinned()


def remove_against_prepare(box, version):
    """Either the container's snapshot stands on a living image, or it is refused; never on an empty directory."""
    world = World(box, version)
    ref, node = world.converted(), world.node
    for attempt in range(8):
        node.pull(ref)
        name, = snapshot_names(node, None)
        key = "last%d" % attempt
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            prepared = pool.submit(node.ctr, "snapshots", "--snapshotter", "floe", "prepare", key, name, code=None)
            removed = pool.submit(node.ctr, "images", "rm", "--sync", ref)
            prepared.result(), removed.result()
        if key in node.snapshots():
            mounts = node.ctr("snapshots", "--snapshotter", "floe", "mounts", box.folder("look"), key)
            check("lowerdir=" in mounts, "mounts of a snapshot that was prepared: %s", mounts)
            equal(len(world.floe.mounts()), 1, "the image under a prepared snapshot")
            node.ctr("snapshots", "--snapshotter", "floe", "rm", key)
    node.pull(ref)
    node.ctr("images", "rm", "--sync", ref)
    world.nothing_pinned()


def sleeper_in_another_mount_namespace(box, version):
    """Somebody's copy of the mounts (unshare -m) keeps neither image nor daemon, and reads on."""
    world = World(box, version)
    ref, node = world.converted(), world.node
    node.pull(ref)
    equal(node.ctr_run(ref, "cat", "/etc/release", name="one"), "two\n", "a container mounts the image")
    path, = world.floe.mounts()
    sleeper = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c", "echo in; read go; cat etc/release"], cwd=path,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        equal(sleeper.stdout.readline(), "in\n", "the sleeper's copy of the mounts")
        node.ctr("images", "rm", "--sync", ref)
        world.nothing_pinned()
        world.floe.restart_both()
        out, _ = sleeper.communicate("go\n", timeout=60)
        equal(out, "two\n", "what the sleeper reads after removal and restart")
    finally:
        sleeper.kill()
        sleeper.wait()


if __name__ == "__main__":
    main(on_both(hundred_prepares_one_mount, remove_against_prepare, sleeper_in_another_mount_namespace))
