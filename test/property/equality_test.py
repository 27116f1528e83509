#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=900
"""A mounted flat image shows what containerd's overlayfs unpack of the same layers shows.

usage: equality_test.py [--seeds N] [--keep-going] [--disk] [LAYOUT:TAG...]

For each case of odd_trees.py, N random ones (default 20) and each LAYOUT given: containerd unpacks it (Debian's 1.6, a root of its own)
and mounts the snapshot; flatten_tool makes the flat image with 1 and 2 threads (the same bytes); fsck.erofs finds nothing; the image is
mounted by loop and compare_trees finds no difference but the quirks it knows. Then what must be refused is, with its reason, leaving
nothing behind. Every quirk must have been seen. Needs root. FLOE_BIN names the folder with flatten_tool.
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(HERE, "..", "tools")
sys.path.insert(0, TOOLS)
import containerd16
import odd_trees
import unlisted_parents

BIN = os.environ.get("FLOE_BIN", os.path.join(HERE, "../../build/debug/bin"))
QUIRKS = {"old-mtime", "unlisted-parent", "link-count", "broken-entry"}


def flatten(layout, tag, image, threads, work):
    return subprocess.run([os.path.join(BIN, "flatten_tool"), layout, tag, image, "--threads", str(threads), "--strict", "--work", work],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Checker:
    def __init__(self, folder, judge):
        self.folder, self.judge = folder, judge
        self.work = os.path.join(folder, "work")
        self.quirks, self.failed, self.images = {}, [], 0
        os.mkdir(self.work)
        for name in ("judge", "ours"):
            os.mkdir(os.path.join(folder, name))

    def fail(self, name, why):
        print("FAIL %s: %s" % (name, why), flush=True)
        self.failed.append(name)

    def make_image(self, layout, tag):
        # A name of its own for each: mount finds a loop device of the same file and takes it, with what is cached of it.
        self.images += 1
        images = [os.path.join(self.folder, "image%d-%d" % (self.images, threads)) for threads in (1, 2)]
        digests = []
        for threads, image in enumerate(images, 1):
            made = flatten(layout, tag, image, threads, self.work)
            if made.returncode != 0:
                raise RuntimeError(made.stderr.strip())
            digests.append(json.loads(made.stdout)["sha256"])
        if digests[0] != digests[1]:
            raise RuntimeError("1 and 2 threads give different images")
        os.unlink(images[1])
        checked = subprocess.run(["fsck.erofs", images[0]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if checked.returncode != 0 or "<E>" in checked.stdout:
            raise RuntimeError("fsck.erofs: " + checked.stdout.strip()[:300])
        return images[0]

    def compare(self, layout, tag, image):
        there, ours = (os.path.join(self.folder, name) for name in ("judge", "ours"))
        unlisted = os.path.join(self.folder, "unlisted")
        with open(unlisted, "wb") as out:
            out.writelines(os.fsencode(path) + b"\n" for path in unlisted_parents.unlisted_parents(layout, tag) if "\n" not in path)
        self.judge.mount_image(layout, tag, there)
        try:
            containerd16.run("mount", "-t", "erofs", "-o", "loop,ro", image, ours)
            try:
                return subprocess.run([os.path.join(TOOLS, "compare_trees"), there, ours, "--unlisted", unlisted, "--json"],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            finally:
                containerd16.run("umount", ours)
                os.unlink(image)
        finally:
            self.judge.unmount(there)

    def check(self, name, layout, tag):
        try:
            compared = self.compare(layout, tag, self.make_image(layout, tag))
        except RuntimeError as error:
            return self.fail(name, error)
        if compared.returncode != 0:
            return self.fail(name, compared.stdout.strip())
        result = json.loads(compared.stdout)
        for quirk, count in result["quirks"].items():
            self.quirks[quirk] = self.quirks.get(quirk, 0) + count
        print("ok   %-36s %7d entries %11d bytes  %s" % (name, result["entries"], result["bytes"], result["quirks"] or ""), flush=True)

    def check_beyond_path_max(self, corpus):
        """containerd is no judge here: the kernel walks down by descriptor and reads the file."""
        odd_trees.write(corpus, "beyond-path-max", odd_trees.beyond_path_max())
        ours = os.path.join(self.folder, "ours")
        containerd16.run("mount", "-t", "erofs", "-o", "loop,ro", self.make_image(os.path.join(corpus, "beyond-path-max"), "t"), ours)
        open_files = [os.open(ours, os.O_RDONLY)]
        try:
            while os.listdir(open_files[-1]) != ["end"]:
                open_files.append(os.open(os.listdir(open_files[-1])[0], os.O_RDONLY | os.O_DIRECTORY, dir_fd=open_files[-1]))
            open_files.append(os.open("end", os.O_RDONLY, dir_fd=open_files[-1]))
            if len(open_files) != 62 or os.read(open_files[-1], 100) != b"deep down":
                self.fail("beyond-path-max", "depth %d" % len(open_files))
            else:
                print("ok   beyond-path-max", flush=True)
        finally:
            for fd in open_files:
                os.close(fd)
            containerd16.run("umount", ours)

    def check_refused(self, name, layout, words):
        made = flatten(layout, "t", os.path.join(self.folder, "refused.img"), 2, self.work)
        if made.returncode == 0 or words not in made.stderr:
            self.fail(name, "should be refused with \"%s\", but: %s" % (words, made.stderr.strip() or made.stdout))
        elif os.listdir(self.work) or os.path.exists(os.path.join(self.folder, "refused.img")):
            self.fail(name, "left something behind")
        else:
            print("ok   %-36s refused: %s" % (name, made.stderr.strip()[-90:]), flush=True)


def main(arguments):
    seeds, tmpfs = 20, "--disk" not in arguments
    if "--seeds" in arguments:
        at = arguments.index("--seeds")
        seeds = int(arguments[at + 1])
        del arguments[at:at + 2]
    layouts = [argument for argument in arguments if not argument.startswith("--")]
    with tempfile.TemporaryDirectory(prefix="floe-equality-") as folder:
        os.mkdir(os.path.join(folder, "containerd"))
        with containerd16.Containerd(os.path.join(folder, "containerd"), tmpfs) as judge:
            checker = Checker(folder, judge)
            for layout in layouts:
                path, _, tag = layout.partition(":")
                checker.check(layout, path, tag or None)
            if not layouts:
                corpus = os.path.join(folder, "corpus")
                odd_trees.main([corpus, "--seeds", str(seeds)])
                for name in list(odd_trees.CASES) + ["random-%d" % seed for seed in range(seeds)]:
                    checker.check(name, os.path.join(corpus, name), "t")
                for name, (_, words) in odd_trees.REFUSED.items():
                    checker.check_refused(name, os.path.join(corpus, "refused", name), words)
                checker.check_beyond_path_max(corpus)
                if QUIRKS - set(checker.quirks):
                    checker.fail("quirks", "never seen: %s" % sorted(QUIRKS - set(checker.quirks)))
        print("quirks seen: %s; %d failed %s" % (checker.quirks, len(checker.failed), checker.failed))
        return 1 if checker.failed else 0


if __name__ == "__main__":
    if "FLOE_EQUALITY_NAMESPACE" not in os.environ:
        # Mounts of one's own: a copy in somebody else's mount namespace would outlive the umount.
        os.environ["FLOE_EQUALITY_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable] + sys.argv)
    sys.exit(main(sys.argv[1:]))
