#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300
"""`floe-snapshotter shutdown`: ends what floe runs on a node, and nothing that still is in use without saying so."""
import os

from harness import World, check, equal, in_message, main, on_both, processes


def shutdown(world, code):
    return world.box.run([world.floe.argv[0], "shutdown"] + world.floe.argv[1:], code=code)


def left_of(world):
    """Processes, mounts and sockets of floe on this node."""
    sockets = [name for name in os.listdir(world.floe.runtime) if name not in ("snapshotter.sock", "metrics.sock")]
    return processes("floe-fusefs") + processes("floe-keeper"), world.floe.mounts(), sockets


def ends_everything(box, version):
    world = World(box, version)
    ref, node = world.converted(), world.node
    node.pull(ref)
    equal(node.ctr_run(ref, "cat", "/etc/release", name="one"), "two\n", "a container before")
    in_message(shutdown(world, 1), world.floe.root)  # while floe-snapshotter serves: it would start all of it again
    check(processes("floe-fusefs") and processes("floe-keeper"), "the refused shutdown ended something")
    equal(node.ctr_run(ref, "cat", "/etc/release", name="two"), "two\n", "a container after the refusal")
    world.floe.daemon.stop()
    check(world.floe.mounts(), "the image is not mounted any more before the shutdown")
    shutdown(world, 0)
    equal(left_of(world), ([], [], []), "left after the shutdown")
    shutdown(world, 0)  # there is nothing left to end
    equal(left_of(world), ([], [], []), "left after a second one")
    # What containerd committed is still there: the image runs again without a pull, from new daemons.
    world.floe.start()
    node.reaches_floe()
    equal(node.ctr_run(ref, "cat", "/etc/release", name="three"), "two\n", "a container after the shutdown")
    node.remove_image(ref)
    world.nothing_pinned()


def under_a_container(box, version):
    """The operator's word counts: the container loses its image, and everything can be removed and run again afterwards."""
    world = World(box, version)
    ref, node = world.converted(), world.node
    node.pull(ref)
    node.ctr_run(ref, "sleep", "100000", name="c1", detach=True)
    world.floe.daemon.stop()
    shutdown(world, None)
    equal(left_of(world), ([], [], []), "left after the shutdown")
    world.floe.start()
    node.reaches_floe()
    node.ctr("tasks", "rm", "-f", "c1")
    node.ctr("containers", "rm", "c1")
    equal(node.ctr_run(ref, "cat", "/etc/release", name="c2"), "two\n", "a new container after the shutdown")
    node.remove_image(ref)
    world.nothing_pinned()


if __name__ == "__main__":
    main(on_both(ends_everything, under_a_container))
