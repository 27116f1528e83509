#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=900
"""A converted and mounted image shows what containerd's overlayfs unpack of the same layers shows.

usage: equality_test.py [--seeds N] [--keep-going] [--disk] [LAYOUT:TAG...]

For each case of odd_trees.py, N random ones (default 20) and each LAYOUT given: containerd unpacks it (Debian's 1.6, a root of its own)
and mounts the snapshot; flatten_tool makes the flat image with 1 and 2 threads (the same bytes); fsck.erofs finds nothing; floe convert
makes the same chunks and manifest with 1 and 2 threads, floe mount shows them (keys, store, fusefs and mount as a container has them), and
compare_trees finds no difference but the quirks it knows. Then what must be refused is, with its reason, leaving nothing behind. Every
quirk must have been seen, and doc/quirks.md lists just these. A conversion needs less than 400 MB of memory. Needs root. FLOE_BIN names the
folder with floe and flatten_tool.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(HERE, "..", "tools")
sys.path.insert(0, TOOLS)
import containerd16
import odd_trees
import unlisted_parents
from floe_store import BIN, FloeStore, largest_child_bytes

QUIRKS = {"old-mtime", "unlisted-parent", "link-count", "broken-entry"}
MAX_RESIDENT_BYTES = 400_000_000


def flatten(layout, tag, image, threads, work):
    return subprocess.run([os.path.join(BIN, "flatten_tool"), layout, tag, image, "--threads", str(threads), "--strict", "--work", work],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Checker:
    def __init__(self, folder, judge):
        self.folder, self.judge = folder, judge
        self.work = os.path.join(folder, "work")
        self.quirks, self.failed = {}, []
        os.mkdir(self.work)
        for name in ("judge", "ours"):
            os.mkdir(os.path.join(folder, name))
        self.store = FloeStore(folder, "store")

    def fail(self, name, why):
        print("FAIL %s: %s" % (name, why), flush=True)
        self.failed.append(name)

    def check_flat(self, layout, tag):
        """The flat image alone: independent of threads, and fine for fsck.erofs."""
        images = [os.path.join(self.folder, "image-%d" % threads) for threads in (1, 2)]
        digests = []
        for threads, image in enumerate(images, 1):
            made = flatten(layout, tag, image, threads, self.work)
            if made.returncode != 0:
                raise RuntimeError(made.stderr.strip())
            digests.append(json.loads(made.stdout)["sha256"])
        if digests[0] != digests[1]:
            raise RuntimeError("1 and 2 threads give different images")
        checked = subprocess.run(["fsck.erofs", images[0]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if checked.returncode != 0 or "<E>" in checked.stdout:
            raise RuntimeError("fsck.erofs: " + checked.stdout.strip()[:300])
        for image in images:
            os.unlink(image)

    def convert(self, layout, tag):
        """Twice, with 1 and 2 threads: the second puts no chunk that the first did not. The converted layout."""
        source, made = layout + (":" + tag if tag else ""), []
        for threads in ("1", "2"):
            target = os.path.join(self.folder, "converted-" + threads)
            shutil.rmtree(target, ignore_errors=True)
            made.append(self.store.convert(source, target, "--again", "--strict", "--threads", threads))
        if made[0]["manifest"] != made[1]["manifest"] or made[1]["chunks"]["new"] != 0:
            raise RuntimeError("1 and 2 threads give different chunks: %s" % made)
        return target

    def compare(self, layout, tag, converted):
        there, ours = (os.path.join(self.folder, name) for name in ("judge", "ours"))
        unlisted = os.path.join(self.folder, "unlisted")
        with open(unlisted, "wb") as out:
            out.writelines(os.fsencode(path) + b"\n" for path in unlisted_parents.unlisted_parents(layout, tag) if "\n" not in path)
        self.judge.mount_image(layout, tag, there)
        try:
            self.store.mount(converted, ours)
            try:
                return subprocess.run([os.path.join(TOOLS, "compare_trees"), there, ours, "--unlisted", unlisted, "--json"],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            finally:
                self.store.umount(ours)
        finally:
            self.judge.unmount(there)

    def check(self, name, layout, tag):
        try:
            self.check_flat(layout, tag)
            compared = self.compare(layout, tag, self.convert(layout, tag))
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
        self.store.mount(self.convert(os.path.join(corpus, "beyond-path-max"), "t"), ours)
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
            self.store.umount(ours)

    def check_refused(self, name, layout, words):
        made = flatten(layout, "t", os.path.join(self.folder, "refused.img"), 2, self.work)
        if made.returncode == 0 or words not in made.stderr:
            self.fail(name, "should be refused with \"%s\", but: %s" % (words, made.stderr.strip() or made.stdout))
        elif os.listdir(self.work) or os.path.exists(os.path.join(self.folder, "refused.img")):
            self.fail(name, "left something behind")
        else:
            print("ok   %-36s refused: %s" % (name, made.stderr.strip()[-90:]), flush=True)


    def check_quirks(self):
        """Each was seen, and doc/quirks.md has a line for each and for no other."""
        if QUIRKS - set(self.quirks):
            self.fail("quirks", "never seen: %s" % sorted(QUIRKS - set(self.quirks)))
        with open(os.path.join(HERE, "../../doc/quirks.md")) as text:
            written = set(re.findall(r"^\| `([a-z-]+)` \|", text.read(), re.M))
        if written != QUIRKS:
            self.fail("quirks", "doc/quirks.md lists %s, the comparer knows %s" % (sorted(written), sorted(QUIRKS)))

    def check_memory(self):
        if largest_child_bytes() >= MAX_RESIDENT_BYTES:
            self.fail("memory", "a program needed %.0f MB" % (largest_child_bytes() / 1e6))
        else:
            print("ok   memory: no program needed more than %.0f MB" % (largest_child_bytes() / 1e6), flush=True)


def main(arguments):
    seeds, tmpfs = 20, "--disk" not in arguments
    if "--seeds" in arguments:
        at = arguments.index("--seeds")
        seeds = int(arguments[at + 1])
        del arguments[at:at + 2]
    layouts = [argument for argument in arguments if not argument.startswith("--")]
    with tempfile.TemporaryDirectory(prefix="floe-equality-") as folder:
        os.chmod(folder, 0o755)  # floe-fusefs reads the store as a user of its own
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
                checker.check_quirks()
            checker.check_memory()
        print("quirks seen: %s; %d failed %s" % (checker.quirks, len(checker.failed), checker.failed))
        return 1 if checker.failed else 0


if __name__ == "__main__":
    if "FLOE_EQUALITY_NAMESPACE" not in os.environ:
        # Mounts of one's own: a copy in somebody else's mount namespace would outlive the umount.
        os.environ["FLOE_EQUALITY_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable] + sys.argv)
    sys.exit(main(sys.argv[1:]))
