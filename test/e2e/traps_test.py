#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=500
"""Traps that clients of the tiny layer fell into once (numbers: the list in doc/containerd.md), where no other test walks by."""
import concurrent.futures
import os

from fixtures import busybox_tree
from harness import Containerd, World, check, equal, in_message, layers_image, main, on_both, wait_until


def trap_1_recognised_by_content(box, version):
    """nerdctl push rewrites manifests to Docker's schema 2: no media type or annotation may be needed."""
    world = World(box, version)
    ref, node = world.converted(), world.node
    node.nerdctl("pull", ref)
    node.nerdctl("run", "-d", "--name", "c1", "--net", "none", ref, "sleep", "100000")
    node.nerdctl("commit", "c1", world.registry.ref("small:docker"))
    node.nerdctl("push", world.registry.ref("small:docker"))
    empty, floe = world.add_node("empty")
    empty.pull(world.registry.ref("small:docker"))
    equal(empty.ctr_run(world.registry.ref("small:docker"), "cat", "/etc/release", name="one"), "two\n", "run of the rewritten image")
    equal(len(floe.mounts()), 1, "mounts of floe's on the empty node")


def trap_1_second_tiny_layer_is_ordinary(box, version):
    """A manifest in a layer that has a parent is a file like any other."""
    world = World(box, version)
    base, top = box.folder("plain"), box.folder("top")
    busybox_tree(base)
    os.makedirs(os.path.join(top, ".floe"))
    world.converted()
    copy_manifest(world, os.path.join(top, ".floe/manifest"))
    ref = world.registry.push_layout(layers_image(box, "two", [base, top]), "two:1")
    world.node.pull(ref)
    out = world.node.ctr_run(ref, "sh", "-c", "ls /.floe; wc -c < /.floe/manifest", name="one").split()
    equal(out[0], "manifest", "the file of an ordinary layer")
    equal(world.floe.mounts(), [], "mounts of floe's")


def copy_manifest(world, target):
    import io
    import tarfile
    import urllib.request
    layer = world.registry.manifest("small:floe")["layers"][0]["digest"]
    with urllib.request.urlopen("http://%s/v2/small/blobs/%s" % (world.registry.host, layer)) as blob:
        data = blob.read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = next(m for m in tar.getmembers() if m.isfile())
        with open(target, "wb") as out:
            out.write(tar.extractfile(member).read())


def trap_2_one_mount_for_two_namespaces(box, version):
    world = World(box, version)
    ref, node = world.converted(), world.node
    for namespace in ("left", "right"):
        node.ctr("images", "pull", "--plain-http", "--snapshotter", "floe", ref, namespace=namespace)
        node.ctr("run", "-d", "--snapshotter", "floe", ref, "c-" + namespace, "sleep", "100000", namespace=namespace)
    equal(len(world.floe.mounts()), 1, "mounts of one manifest in two namespaces")
    for namespace in ("left", "right"):
        node.ctr("tasks", "rm", "-f", "c-" + namespace, namespace=namespace)
        node.ctr("containers", "rm", "c-" + namespace, namespace=namespace)
        node.ctr("images", "rm", "--sync", ref, namespace=namespace)
    wait_until("the mount goes with its last user", lambda: not world.floe.mounts())


def trap_3_slow_mount_blocks_nobody(box, version):
    """While one image's first blocks do not come, snapshots of ordinary images are prepared. No container is run meanwhile: its end
    would begin containerd's garbage collection, which waits for every Prepare on its way and lets nobody pass while it waits."""
    world = World(box, version, counted=True)
    ref, node = world.converted(), world.node
    node.pull(world.ordinary)
    top = next(line.split()[0] for line in node.ctr("snapshots", "--snapshotter", "floe", "ls").splitlines()[1:] if len(line.split()) == 3)
    node.pull(ref)
    world.counter.hold(True)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(node.ctr_run, ref, "cat", "/etc/release", name="stuck")
        for number in range(3):
            node.ctr("snapshots", "--snapshotter", "floe", "prepare", "free%d" % number, top)
        check(not stuck.done(), "the lazy start cannot be over while its store is held")
        world.counter.hold(False)
        equal(stuck.result(timeout=120), "two\n", "the lazy container once its store answers")


def trap_5_hints_without_floe(box, version):
    """On a node without floe the image has no /bin/sh; what people look at then names floe."""
    world = World(box, version)
    ref = world.converted()
    bare = Containerd(box, version, "bare")
    bare.nerdctl("pull", ref)
    out = bare.nerdctl("run", "--rm", "--net", "none", ref, "sh", "-c", "true", code=None)
    check("not found" in out or "no such file" in out, "run without floe says: %s", out)
    in_message(bare.nerdctl("image", "inspect", ref).lower(), "floe")
    in_message(bare.nerdctl("history", "--no-trunc", ref).lower(), "floe")
    check(any("floe" in key for key in world.registry.manifest("small:floe").get("annotations", {})), "annotations name floe")


def trap_6_errors_reach_the_user(box, version):
    """A node without the key: the pull is fine, each run names reason and remedy; with the key it works."""
    from floe import Converter, Floe
    world = World(box, version)
    ref = world.converted()
    stranger = Converter(box, "stranger")
    stranger.floe("key", "generate")
    floe = Floe(box, stranger, "foreign", store=world.converter.address)
    node = Containerd(box, version, "foreign", floe=floe)
    node.pull(ref)
    for out in (node.ctr_run(ref, "true", name="one", code=1), node.nerdctl("run", "--rm", "--net", "none", ref, "true", code=None)):
        in_message(out, "floe key")
    bundle = box.path("bundle")
    world.converter.floe("key", "export", bundle)
    stranger.floe("key", "import", bundle)
    floe.restart_both()
    node.reaches_floe()
    equal(node.ctr_run(ref, "cat", "/etc/release", name="two"), "two\n", "the same image once the key is there")


def trap_10_keys_are_opaque(box, version):
    """nerdctl's snapshot keys hold // and its commits end in -parent-view-; two containers at once with such keys."""
    world = World(box, version)
    ref, node = world.converted(), world.node
    node.nerdctl("pull", ref)
    for name in ("c1", "c2"):
        node.nerdctl("run", "-d", "--name", name, "--net", "none", ref, "sleep", "100000")
        node.nerdctl("commit", name, world.registry.ref("small:" + name))
    node.nerdctl("rm", "-f", "c1", "c2")
    node.nerdctl("rmi", "-f", ref, world.registry.ref("small:c1"), world.registry.ref("small:c2"))
    world.nothing_pinned()


def trap_7_a_collection_does_not_take_the_diff(box, version):
    """The plugin does not get the client's lease: what it wrote must outlive a collection until the client uses it, by a lease of its own."""
    world = World(box, version)
    ref, node = world.converted(), world.node
    node.pull(ref)
    node.ctr_run(ref, "sleep", "100000", name="c1", detach=True)
    node.ctr("tasks", "exec", "--exec-id", "e1", "c1", "sh", "-c", "echo changed > /etc/release")
    before = set(node.ctr("content", "ls", "-q").split())
    # Without --keep ctr's own lease ends with the command: nothing but the plugin's holds the blob.
    node.ctr("snapshots", "--snapshotter", "floe", "diff", "--media-type", "application/vnd.oci.image.layer.v1.tar", "c1")
    made = set(node.ctr("content", "ls", "-q").split()) - before
    equal(len(made), 1, "blobs that the diff made")
    node.ctr("content", "prune", "references")
    check(made <= set(node.ctr("content", "ls", "-q").split()), "a garbage collection took the blob of the diff")
    check("changed" in node.ctr("content", "get", made.pop()), "the blob holds the change")


if __name__ == "__main__":
    main(on_both(trap_1_recognised_by_content, trap_1_second_tiny_layer_is_ordinary, trap_2_one_mount_for_two_namespaces,
                 trap_3_slow_mount_blocks_nobody, trap_5_hints_without_floe, trap_6_errors_reach_the_user,
                 trap_10_keys_are_opaque)
         + on_both(trap_7_a_collection_does_not_take_the_diff, versions=["2.4"]))  # 1.6 has no proxy diff plugins
