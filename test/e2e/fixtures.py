# SPDX-License-Identifier: Apache-2.0
"""Small images made on the spot: busybox with some data, in layers. The five large ones come from test/images/make."""
import os
import random
import shutil
import subprocess

from nodes import IMAGES, SOURCE, need

OCI = os.path.join(SOURCE, "packaging/oci_image.py")
APPLETS = "sh cat ls echo sleep id stat dd md5sum sha256sum find wc head true false mount tar touch rm mkdir mv seq test env chmod date".split()


def busybox_tree(root):
    need("/bin/busybox", "packaging/install-deps test")
    os.makedirs(os.path.join(root, "bin"))
    shutil.copy2("/bin/busybox", os.path.join(root, "bin/busybox"))
    for applet in APPLETS:
        os.symlink("busybox", os.path.join(root, "bin", applet))
    for folder in ("etc", "proc", "sys", "dev", "tmp", "data", "root", "usr/bin"):
        os.makedirs(os.path.join(root, folder))
    os.chmod(os.path.join(root, "tmp"), 0o1777)
    for name, text in (("passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n"), ("group", "root:x:0:\nuser:x:1000:\n")):
        with open(os.path.join(root, "etc", name), "w") as out:
            out.write(text)


def fill(path, size, seed):
    """Data that does not compress, the same for the same seed."""
    with open(path, "wb") as out:
        out.write(random.Random(seed).randbytes(size))


def layers_image(box, name, trees, cmd=("sh",), compression="gzip"):
    """An OCI layout of one layer a tree (folders); returns its path."""
    layout, options = box.path(name), []
    for number, tree in enumerate(trees):
        tar = box.path("%s.%d.tar" % (name, number))
        subprocess.run([OCI, "layer", tree, tar], check=True)
        options += ["--layer", "%s,%s" % (tar, compression)]
    for word in cmd:
        options += ["--cmd=" + word]
    subprocess.run([OCI, "image", layout, "latest"] + options, check=True, stdout=subprocess.DEVNULL)
    for number in range(len(trees)):
        for suffix in ("", ".gzip", ".diffid"):
            if os.path.exists(box.path("%s.%d.tar%s" % (name, number, suffix))):
                os.unlink(box.path("%s.%d.tar%s" % (name, number, suffix)))
    return layout


def setuid_program(path):
    """Prints its effective user id; static, and not busybox, which gives up rights that it does not need."""
    source = "#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf(\"%d\\n\", (int)geteuid()); return 0; }\n"
    subprocess.run(["gcc", "-O1", "-static", "-x", "c", "-", "-o", path], input=source, text=True, check=True)
    os.chmod(path, 0o4755)


def small_image(box, name="small", data_mb=8, seed=1):
    """Two layers: busybox with data files of 1 MB, then one more file, one replaced, one removed (a whiteout)."""
    base, top = box.folder(name + "-base"), box.folder(name + "-top")
    busybox_tree(base)
    for number in range(data_mb):
        fill(os.path.join(base, "data", "file%d" % number), 1 << 20, seed * 100 + number)
    with open(os.path.join(base, "etc/release"), "w") as out:
        out.write("one\n")
    os.makedirs(os.path.join(top, "etc"))
    os.makedirs(os.path.join(top, "data"))
    with open(os.path.join(top, "etc/release"), "w") as out:
        out.write("two\n")
    os.mknod(os.path.join(top, "data/file0"), 0o20600, os.makedev(0, 0))
    setuid_program(os.path.join(base, "bin/setuid-id"))
    os.mknod(os.path.join(base, "data/null"), 0o20666, os.makedev(1, 3))
    layout = layers_image(box, name, [base, top])
    shutil.rmtree(base)
    shutil.rmtree(top)
    return layout


def pause_image(box):
    """What CRI runs as the sandbox: anything that sleeps."""
    tree = box.folder("pause-tree")
    busybox_tree(tree)
    layout = layers_image(box, "pause", [tree], cmd=("/bin/sleep", "1000000"))
    shutil.rmtree(tree)
    return layout


def real_image(name):
    return need(os.path.join(IMAGES, name), "run test/images/make " + name)
