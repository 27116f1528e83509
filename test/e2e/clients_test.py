#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=500
"""A converted image in the hands of the clients people have: pull, run, exec, commit, push and pull from an empty node, save and
load, removal. Afterwards nothing of it may be left on a node."""
from harness import World, check, equal, main, on_both, small_image, wait_until


def ctr_life(box, version, make=World):
    world = make(box, version)
    ref, node = world.converted(), world.node
    node.pull(ref)
    equal(node.ctr_run(ref, "cat", "/etc/release", name="one"), "two\n", "ctr run")
    node.ctr_run(ref, "sleep", "100000", name="two", detach=True)
    equal(node.ctr("tasks", "exec", "--exec-id", "e1", "two", "cat", "/etc/release"), "two\n", "ctr tasks exec")
    equal(len(world.floe.mounts()), 1, "mounts of one image with two containers")
    archive = box.path("export.tar")
    node.export_image(ref, archive)
    node.remove_image(ref)
    equal(node.ctr("tasks", "exec", "--exec-id", "e2", "two", "wc", "-c", "/data/file3").split()[0], str(1 << 20),
          "a container reads on after its image was removed")
    node.ctr("tasks", "rm", "-f", "two")
    node.ctr("containers", "rm", "two")
    node.ctr("images", "import", "--snapshotter", "floe", archive)
    equal(node.ctr_run(ref, "cat", "/etc/release", name="three"), "two\n", "run after export and import")
    node.remove_image(ref)
    world.nothing_pinned()


def nerdctl_life(box, version, make=World):
    world = make(box, version)
    ref, node = world.converted(), world.node
    node.nerdctl("pull", ref)
    node.nerdctl("run", "-d", "--name", "c1", "--net", "none", ref, "sleep", "100000")
    equal(node.nerdctl("exec", "c1", "cat", "/etc/release"), "two\n", "nerdctl exec")
    node.nerdctl("exec", "c1", "sh", "-c", "echo new > /etc/new; rm /data/file1; rm -r /usr/bin; mkdir /usr/bin; mkdir /srv")
    changed = world.registry.ref("small:changed")
    node.nerdctl("commit", "c1", changed)
    see = "cat /etc/new; ls /data; ls -d /usr/bin /srv; cat /etc/release"
    wanted = node.nerdctl("exec", "c1", "sh", "-c", see)
    equal(node.nerdctl_sees(changed, see), wanted, "run of the committed image")
    node.nerdctl("push", changed)
    equal(len(world.registry.manifest("small:changed")["layers"]), 2, "layers of the committed image")
    check(world.registry.layer_bytes("small:changed") < 128 * 1024, "the committed image stays tiny")
    empty, floe = world.add_node("empty")
    empty.nerdctl("pull", changed)
    equal(empty.nerdctl_sees(changed, see), wanted, "the committed image on an empty node")
    archive = box.path("save.tar")
    node.nerdctl("save", "-o", archive, changed)
    empty.nerdctl("rmi", "-f", changed)
    world.nothing_pinned(floe, empty)
    empty.nerdctl("load", "-i", archive)
    equal(empty.nerdctl_sees(changed, see), wanted, "the image after save and load")
    node.nerdctl("rm", "-f", "c1")
    node.nerdctl("rmi", "-f", ref, changed)
    world.nothing_pinned()


def ordinary_images_too(box, version, make=World):
    world = make(box, version)
    node = world.node
    node.pull(world.ordinary)
    equal(node.ctr_run(world.ordinary, "cat", "/etc/release", name="one"), "two\n", "ctr run of an ordinary image")
    node.nerdctl("pull", world.ordinary)
    node.nerdctl("run", "-d", "--name", "c1", "--net", "none", world.ordinary, "sleep", "100000")
    node.nerdctl("exec", "c1", "sh", "-c", "echo new > /etc/new; rm /data/file1")
    changed = world.registry.ref("ordinary:changed")
    node.nerdctl("commit", "c1", changed)
    equal(node.nerdctl_sees(changed, "cat /etc/new; ls /data/file1 || echo gone").split(),
          ["new", "gone"], "commit of an ordinary image")
    equal(world.floe.mounts(), [], "an ordinary image needs no mount of floe's")
    node.nerdctl("rm", "-f", "c1")
    node.nerdctl("rmi", "-f", world.ordinary, changed)
    world.nothing_pinned()


def special_files_work(box, version, make=World):
    """setuid and device nodes of an image work above the nosuid,nodev lower mount."""
    world = make(box, version)
    ref, node = world.converted(), world.node
    node.nerdctl("pull", ref)
    equal(node.nerdctl("run", "--rm", "--net", "none", "--user", "1000", ref, "/bin/setuid-id"), "0\n", "effective user of a setuid program")
    node.nerdctl("run", "--rm", "--net", "none", "--privileged", ref, "sh", "-c", "echo x > /data/null && test ! -s /data/null")


def commit_reads_little(box, version, make=World):
    """A one-byte change, cold: on 2.4 the diff plugin reads the upper directory only; 1.6 has no such plugin and must merely work."""
    world = make(box, version, layout=small_image(box, data_mb=24), counted=True)
    ref, node = world.converted(), world.node
    node.nerdctl("pull", ref)
    node.nerdctl("run", "-d", "--name", "c1", "--net", "none", ref, "sleep", "100000")
    node.nerdctl("exec", "c1", "sh", "-c", "echo x >> /etc/release")
    before = world.fetched()
    node.nerdctl("commit", "c1", world.registry.ref("small:commit"))
    read = world.fetched() - before
    print("  commit after a one-byte change fetched %d bytes (containerd %s)" % (read, version))
    check(version == "1.6" or read < 1000000, "commit fetched %d bytes", read)
    equal(node.nerdctl_sees(world.registry.ref("small:commit"), "cat /etc/release"), "two\nx\n", "the committed file")
    node.nerdctl("rm", "-f", "c1")
    node.nerdctl("rmi", "-f", ref, world.registry.ref("small:commit"))
    wait_until("nothing left", lambda: not world.floe.mounts())


if __name__ == "__main__":
    main(on_both(ctr_life, nerdctl_life, ordinary_images_too, special_files_work, commit_reads_little))
