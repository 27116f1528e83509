#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=500
"""Daemons end under running containers: SIGKILL of floe-snapshotter and floe-fusefs, restarts of containerd, in every order. The
container reads on, no byte is wrong, and afterwards everything can still be run and removed."""
import hashlib
import itertools
import os

from fixtures import fill
from harness import World, check, equal, main, on_both, wait_until


def file_digest(box, number):
    path = box.path("expected")
    fill(path, 1 << 20, 100 + number)
    with open(path, "rb") as content:
        return hashlib.sha256(content.read()).hexdigest()


def read(world, number, exec_id):
    return world.node.ctr("tasks", "exec", "--exec-id", exec_id, "c1", "sha256sum", "/data/file%d" % number).split()[0]


def started(box, version):
    world = World(box, version)
    ref = world.converted()
    world.node.pull(ref)
    world.node.ctr_run(ref, "sleep", "100000", name="c1", detach=True)
    equal(read(world, 1, "first"), file_digest(box, 1), "a file before anything died")
    return world, ref


def finish(world, ref):
    """A further container, then removal without a trace."""
    world.node.reaches_floe()
    equal(world.node.ctr_run(ref, "cat", "/etc/release", name="after"), "two\n", "a container after all that")
    world.node.ctr("tasks", "rm", "-f", "c1")
    world.node.ctr("containers", "rm", "c1")
    world.node.remove_image(ref)
    world.nothing_pinned()


def snapshotter_killed(box, version):
    world, ref = started(box, version)
    world.floe.daemon.kill()
    equal(read(world, 2, "without"), file_digest(box, 2), "a cold file without a snapshotter")
    world.floe.start()
    equal(read(world, 3, "with"), file_digest(box, 3), "a cold file with the new snapshotter")
    finish(world, ref)


def fusefs_killed(box, version):
    world, ref = started(box, version)
    for number in (2, 3, 4):
        world.floe.kill_fusefs()
        equal(read(world, number, "n%d" % number), file_digest(box, number), "a cold file after SIGKILL of fusefs")
    finish(world, ref)


def fusefs_killed_under_readers(box, version):
    world, ref = started(box, version)
    digests = [file_digest(box, n) for n in range(1, 8)]
    loop = "for i in 1 2 3; do for n in 1 2 3 4 5 6 7; do sha256sum /data/file$n || exit 1; done; done"
    # What it read and how it ended is in a file, for ctr forgets both of a detached task.
    world.node.ctr_run(ref, "sh", "-c", "(%s) >/result 2>&1; echo ended $? >>/result; sleep 100000" % loop, name="reader", detach=True)
    for _ in range(3):
        world.floe.kill_fusefs()
    out = world.node.ctr("tasks", "exec", "--exec-id", "all", "c1", "sh", "-c", "sha256sum /data/file*")
    equal([line.split()[0] for line in out.splitlines()], digests, "all files after three kills")
    looks = itertools.count()
    result = lambda: world.node.ctr("tasks", "exec", "--exec-id", "look%d" % next(looks), "reader", "cat", "/result")  # noqa: E731
    wait_until("the reader ends", lambda: "ended" in result())
    read_through = result().splitlines()
    equal(read_through[-1], "ended 0", "the end of the reader that read through three kills")
    equal([line.split()[0] for line in read_through[:-1]], digests * 3, "what it read")
    world.node.ctr("tasks", "rm", "-f", "reader")
    world.node.ctr("containers", "rm", "reader")
    finish(world, ref)


def everything_restarted(box, version):
    world, ref = started(box, version)
    world.floe.daemon.kill()
    world.floe.kill_without_restart()
    world.node.restart()
    world.floe.start()
    equal(read(world, 5, "back"), file_digest(box, 5), "a cold file after all daemons were new")
    finish(world, ref)


def image_removed_under_container(box, version):
    world, ref = started(box, version)
    world.node.remove_image(ref)
    world.floe.restart_both()
    equal(read(world, 6, "orphan"), file_digest(box, 6), "a cold file of an image that was removed, after restarts")
    world.node.ctr("tasks", "rm", "-f", "c1")
    world.node.ctr("containers", "rm", "c1")
    world.node.ctr("content", "prune", "references", code=None)
    check(os.path.exists(world.floe.socket), "the snapshotter serves")


if __name__ == "__main__":
    main(on_both(snapshotter_killed, fusefs_killed, fusefs_killed_under_readers, everything_restarted, image_removed_under_container))
