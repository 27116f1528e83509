#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=200
"""User namespaces: containers whose root is somebody else on the host stand on idmapped clones, of a converted image, of an
ordinary one, and of both in one chain. Nothing is copied, nothing of the image is chowned, and nothing stays afterwards."""
import os

from harness import World, check, equal, main, mounts_below, wait_until

MAPPED = ("--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536", "--remap-labels")
LOOK = 'stat -c "%u %g" /etc/release /bin/setuid-id /; id -u; echo new > /etc/new; stat -c %u /etc/new; cat /etc/release; echo changed > /etc/release'
SEEN = "0 0 0 0 0 0 0 0 two".split()


def clones(world):
    return mounts_below(os.path.join(world.floe.root, "mapped"))


def upper_owners(world):
    """Owners of etc/new in upper directories, as the host sees them."""
    snapshots = os.path.join(world.floe.root, "snapshots")
    found = []
    for number in os.listdir(snapshots):
        path = os.path.join(snapshots, number, "fs/etc/new")
        if os.path.exists(path):
            found.append((os.stat(path).st_uid, os.stat(path).st_gid))
    return found


def run_mapped(world, ref, name):
    node = world.node
    node.ctr("run", "-d", "--snapshotter", "floe", *MAPPED, ref, name, "sleep", "100000")
    out = node.ctr("tasks", "exec", "--exec-id", "look", name, "sh", "-c", LOOK)
    equal([word for line in out.splitlines() if "DEPRECATION" not in line for word in line.split()], SEEN, "what the container sees of itself")


def end(world, name):
    world.node.ctr("tasks", "rm", "-f", name)
    world.node.ctr("containers", "rm", name)


def converted_image(box):
    world = World(box, "2.4")
    ref = world.converted()
    world.node.pull(ref)
    plain = world.node.ctr_run(ref, "stat", "-c", "%u", "/etc/release", name="plain")
    equal(plain.split()[-1], "0", "a container without mapping beside it")
    run_mapped(world, ref, "mapped")
    equal(upper_owners(world), [(100000, 200000)], "the new file's owner on the host")
    equal(len(world.floe.mounts()), 2, "the image and its one clone")
    world.floe.restart()
    equal(world.node.ctr("tasks", "exec", "--exec-id", "again", "mapped", "cat", "/etc/release").split()[-1], "changed", "after a restart")
    equal(len(world.floe.mounts()), 2, "the clone is held again after a restart")
    end(world, "mapped")
    world.node.ctr("images", "rm", "--sync", ref)
    world.nothing_pinned()


def ordinary_image(box):
    world = World(box, "2.4")
    world.node.pull(world.ordinary)
    run_mapped(world, world.ordinary, "one")
    run_mapped(world, world.ordinary, "two")
    equal(len(clones(world)), 1, "both containers share one clone of the layers")
    equal(world.floe.mounts(), [], "no image is mounted")
    world.floe.restart()
    equal(len(clones(world)), 1, "the clone after a restart")
    end(world, "one")
    end(world, "two")
    world.node.ctr("images", "rm", "--sync", world.ordinary)
    wait_until("the clone goes with its last container", lambda: not clones(world))
    world.nothing_pinned()


def committed_on_converted(box):
    """An ordinary layer on a floe layer: two clones under one overlay."""
    world = World(box, "2.4")
    ref, node = world.converted(), world.node
    node.nerdctl("pull", ref)
    node.nerdctl("run", "-d", "--name", "c1", "--net", "none", ref, "sleep", "100000")
    node.nerdctl("exec", "c1", "sh", "-c", "echo more > /more")
    node.nerdctl("commit", "c1", world.registry.ref("small:more"))
    node.nerdctl("rm", "-f", "c1")
    run_mapped(world, world.registry.ref("small:more"), "mapped")
    equal(node.ctr("tasks", "exec", "--exec-id", "more", "mapped", "stat", "-c", "%u", "/more").split()[-1], "0", "the committed file's owner")
    check(len(clones(world)) == 1 and len(world.floe.mounts()) == 2, "clones: %s %s", clones(world), world.floe.mounts())
    end(world, "mapped")
    node.nerdctl("rmi", "-f", ref, world.registry.ref("small:more"))
    world.nothing_pinned()


if __name__ == "__main__":
    main([converted_image, ordinary_image, committed_on_converted])
