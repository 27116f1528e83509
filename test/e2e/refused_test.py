#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=400
"""What must not run does not, and says why where the user looks; once the cause is gone, the same command works."""
import io
import os
import shutil
import tarfile
import urllib.request

from harness import Containerd, Floe, World, check, equal, in_message, layers_image, main, on_both, program


class BorrowedKeys:
    """A converter's keys after someone took something away from them."""

    def __init__(self, converter, box, name):
        self.address, self.keys = converter.address, box.path(name)
        shutil.copytree(converter.keys, self.keys)


def another_node(world, box, version, keys, name):
    floe = Floe(box, keys, name, store=world.converter.address)
    return Containerd(box, version, name, floe=floe), floe


def refused(node, ref, *words):
    """ctr and nerdctl both show the reason."""
    in_message(node.ctr_run(ref, "true", name="refused", code=1), *words)
    out = node.nerdctl("run", "--rm", "--net", "none", ref, "true", code=None)
    in_message(out, *words)


def untrusted_signer(box, version):
    world = World(box, version)
    ref = world.converted()
    keys = BorrowedKeys(world.converter, box, "no-trust")
    for name in os.listdir(os.path.join(keys.keys, "trusted")):
        os.unlink(os.path.join(keys.keys, "trusted", name))
    os.unlink(os.path.join(keys.keys, "signing.key"))
    node, _ = another_node(world, box, version, keys, "wary")
    node.pull(ref)
    refused(node, ref, "sign", "trust")


def republished(world, box, name, change):
    """The image `small:floe` again, with another manifest: what `change` makes of its bytes."""
    layer = world.registry.manifest("small:floe")["layers"][0]["digest"]
    with urllib.request.urlopen("http://%s/v2/small/blobs/%s" % (world.registry.host, layer)) as blob:
        with tarfile.open(fileobj=io.BytesIO(blob.read())) as tar:
            member = next(m for m in tar.getmembers() if m.isfile())
            data = tar.extractfile(member).read()
    tree = box.folder(name)
    os.makedirs(os.path.join(tree, ".floe"))
    with open(os.path.join(tree, ".floe/manifest"), "wb") as out:
        out.write(change(data))
    return world.registry.push_layout(layers_image(box, name + "-image", [tree]), name + ":1")


def changed_at(offset, flip):
    def change(data):
        changed = bytearray(data)
        changed[offset] ^= flip
        return changed
    return change


def damaged_manifest(box, version):
    """One flipped byte in the manifest's body: the layer stays floe's, and is refused. So is one of a later format."""
    world = World(box, version)
    world.converted()
    for name, change, words in (("damaged", changed_at(300, 1), ("manifest",)), ("later", changed_at(8, 3), ("newer floe",))):
        ref = republished(world, box, name, change)
        world.node.pull(ref)
        refused(world.node, ref, *words)


def unsigned(box, version):
    """Everything is right, but nobody signed."""
    world = World(box, version)
    world.converted()

    def unsign(data):
        signed, bare = box.path("signed"), box.path("bare")
        with open(signed, "wb") as out:
            out.write(data)
        box.run([program("hostile_manifest"), "--unsigned", world.converter.keys, signed, bare])
        with open(bare, "rb") as result:
            return result.read()
    ref = republished(world, box, "unsigned", unsign)
    world.node.pull(ref)
    refused(world.node, ref, "sign")


def another_store(box, version):
    """A node whose store is not the one the image was converted into says so."""
    world = World(box, version)
    ref = world.converted()
    other = box.path("other-store")
    world.converter.floe("store", "init", "folder:" + other)
    floe = Floe(box, world.converter, "lost", store="folder:" + other)
    node = Containerd(box, version, "lost", floe=floe)
    node.pull(ref)
    refused(node, ref, "store")


def damaged_chunks(box, version):
    """Altered or missing chunks never become wrong bytes: the start fails or the read is an I/O error, and heals."""
    world = World(box, version)
    ref, node = world.converted(), world.node
    saved = box.path("saved-store")
    shutil.copytree(world.converter.folder, saved)
    for path in world.converter.chunks():
        os.chmod(path, 0o644)
        with open(path, "r+b") as chunk:
            chunk.seek(-1, os.SEEK_END)
            last = chunk.read(1)
            chunk.seek(-1, os.SEEK_END)
            chunk.write(bytes([last[0] ^ 0xff]))
    node.pull(ref)
    check("two" not in node.ctr_run(ref, "cat", "/etc/release", name="one", code=None), "a container ran from altered chunks")
    out = world.converter.floe("store", "check", "--deep", code=None)
    in_message(out, "chunk")
    for path in world.converter.chunks():
        shutil.copyfile(os.path.join(saved, os.path.relpath(path, world.converter.folder)), path)
    equal(node.ctr_run(ref, "cat", "/etc/release", name="two"), "two\n", "the same image once its chunks are right again")


def store_gone(box, version):
    """The store cannot be reached: a start says so within its deadline; with the store back it works."""
    world = World(box, version, counted=True)
    ref, node = world.converted(), world.node
    node.pull(ref)
    world.counter.hide()
    out = node.ctr_run(ref, "cat", "/etc/release", name="one", code=1)
    in_message(out, "store")
    world.counter.show()
    equal(node.ctr_run(ref, "cat", "/etc/release", name="two"), "two\n", "once the store is back")


def raw_image_is_private(box, version):
    """Another user of the machine reads neither chunks' plain bytes nor the mounted image."""
    world = World(box, version)
    ref, node = world.converted(), world.node
    node.pull(ref)
    node.ctr_run(ref, "sleep", "100000", name="c1", detach=True)
    for path in world.floe.mounts() + [world.floe.root, world.floe.cache, world.converter.keys]:
        check(box.status(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "ls", path]) != 0, "user nobody may list %s", path)
    with open("/proc/%d/status" % world.floe.fusefs()) as status:
        text = status.read()
    equal([line.split()[1] for line in text.splitlines() if line.startswith("CapEff")], ["0000000000000000"], "fusefs's capabilities")
    check("Uid:\t0\t" not in text, "fusefs runs as root")


if __name__ == "__main__":
    main(on_both(untrusted_signer, damaged_manifest, unsigned, another_store, damaged_chunks, store_gone, raw_image_is_private))
