#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=500
"""mount/ with the real floe-keeper and floe-fusefs over a folder store: both back ends, many callers at once, death of each process,
what images may contain, and that nothing is left at the end."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tarfile

from harness import Converter, check, drop_page_cache, equal, fill, layers_image, main, mounts_below, processes, program, wait_until


class Drill:
    """test/tools/mount_drill.cc: one process that supervises and mounts."""

    def __init__(self, box, converter, backend="file", name="node", flags=()):
        self.box = box
        self.run_dir, self.root = box.path(name, "run"), box.path(name, "root")
        os.makedirs(box.path(name), exist_ok=True)
        for folder in (box.dir, box.path(name)):
            os.chmod(folder, 0o755)
        self.cache = box.path(name, "cache")
        self.argv = [program("mount_drill"), self.run_dir, self.root, box.path("logs", name + "-daemons.log"), backend,
                     "--store", "folder:" + converter.folder, "--keys", converter.keys, "--cache-dir", self.cache, "--free-share", "0"]
        self.argv += flags
        self.process = None
        self.start()
        box.undo.callback(self.end_all)

    def start(self):
        with open(self.box.path("logs", "drill.log"), "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.answer("the start")

    def answer(self, question):
        line = self.process.stdout.readline().rstrip("\n")
        check(line.startswith("ok"), "%s: %s", question, line or "no answer")
        return line[3:]

    def do(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        return self.answer(" ".join(str(word) for word in words))

    def refused(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        check(line.startswith("error "), "%s was not refused: %s", words, line)
        return line.split(" ", 2)[1:]

    def state(self):
        keeper, fusefs, keeper_adopted, fusefs_adopted, restarts, backend = self.do("state").split()
        return {"keeper": int(keeper), "fusefs": int(fusefs), "adopted": (keeper_adopted, fusefs_adopted), "restarts": int(restarts),
                "backend": backend}

    def end(self):
        """Daemons and mounts stay."""
        self.process.stdin.close()
        equal(self.process.wait(60), 0, "exit code of the drill")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end_all(self):
        """Also after a failure: no daemon may be left to the next test."""
        self.kill()
        for pid in processes("floe-fusefs") + processes("floe-keeper"):
            os.kill(pid, signal.SIGKILL)
        wait_until("the daemons are gone", lambda: not processes("floe-keeper") + processes("floe-fusefs"))

    def shutdown(self):
        self.do("shutdown")
        self.end()
        equal(mounts_below(self.root), [], "mounts left")
        equal(os.listdir(os.path.join(self.root, "mounts")), [], "records left")
        equal(os.listdir(self.run_dir), [], "sockets left")
        equal(processes("floe-keeper") + processes("floe-fusefs"), [], "processes left")


def manifest_of(box, layout):
    """The manifest out of the tiny layer of a converted image."""
    with open(os.path.join(layout, "index.json")) as index:
        found = json.load(index)["manifests"][0]["digest"]

    def blob(digest):
        return os.path.join(layout, "blobs", *digest.split(":"))
    with open(blob(found)) as manifest:
        document = json.load(manifest)
    while "layers" not in document:
        with open(blob(document["manifests"][0]["digest"])) as manifest:
            document = json.load(manifest)
    equal(len(document["layers"]), 1, "layers of a converted image")
    path = layout + ".manifest"
    with tarfile.open(blob(document["layers"][0]["digest"])) as tar, open(path, "wb") as out:
        names = [name for name in tar.getnames() if name.endswith(".floe/manifest")]
        out.write(tar.extractfile(names[0]).read())
    return path


def image(box, name, seed, data_mb):
    """Files of 1 MB, a setuid program and a device node."""
    tree = box.folder(name + "-tree")
    for folder in ("bin", "data", "etc"):
        os.mkdir(os.path.join(tree, folder))
    for number in range(data_mb):
        fill(os.path.join(tree, "data/file%d" % number), 1 << 20, seed * 100 + number)
    shutil.copy2("/usr/bin/id", os.path.join(tree, "bin/id"))
    os.chmod(os.path.join(tree, "bin/id"), 0o4755)
    os.mknod(os.path.join(tree, "data/null"), 0o20666, os.makedev(1, 3))
    layout = layers_image(box, name, [tree])
    shutil.rmtree(tree)
    return layout


def converted(box, converter, name="small", seed=1, data_mb=8):
    layout = image(box, name, seed, data_mb)
    converter.convert("oci:" + layout, "oci:" + box.path(name + "-floe"))
    return manifest_of(box, box.path(name + "-floe"))


def digest(path):
    with open(path, "rb") as content:
        return hashlib.sha256(content.read()).hexdigest()


def expected(box, number, seed=1):
    path = box.path("expected")
    fill(path, 1 << 20, seed * 100 + number)
    return digest(path)


def loops_over(name):
    found = []
    for device in os.listdir("/sys/block"):
        try:
            with open("/sys/block/%s/loop/backing_file" % device) as backing:
                if backing.read().strip() == "/" + name:
                    found.append(device)
        except OSError:
            continue
    return found


def overlay(box, lower, name="merged"):
    upper, work, merged = box.folder(name + "-upper"), box.folder(name + "-work"), box.folder(name)
    box.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=%s,upperdir=%s,workdir=%s" % (lower, upper, work), merged])
    box.undo.callback(lambda: box.run(["umount", merged], code=None))
    return merged


def both_back_ends(box):
    """Same bytes by file and by loop; by file no loop device appears; setuid and device nodes work above the nosuid,nodev lower."""
    converter = Converter(box)
    manifest = converted(box, converter)
    for backend in ("file", "loop"):
        drill = Drill(box, converter, backend, backend)
        path = drill.do("mount", "m1", manifest, "a")
        name = drill.do("list").split("=")[2]
        equal(len(loops_over(name)), 1 if backend == "loop" else 0, "loop devices with back end " + backend)
        equal(os.major(os.stat(path).st_dev), 7 if backend == "loop" else 0, "device major with back end " + backend)
        equal(digest(path + "/data/file3"), expected(box, 3), "a file by " + backend)
        merged = overlay(box, path, backend + "-merged")
        equal(box.run(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", merged + "/bin/id", "-u"]).strip(), "0",
              "effective uid of a setuid program by " + backend)
        with open(merged + "/data/null", "wb") as null:
            null.write(b"x")
        # Removal under a living overlay: it reads on, cold blocks too.
        drill.do("release", "m1", "a")
        drop_page_cache()
        equal(digest(merged + "/data/file4"), expected(box, 4), "a cold file after the umount by " + backend)
        box.run(["umount", merged])
        check(int(drill.do("metrics")) > 0, "no metrics")
        drill.shutdown()
        equal(loops_over(name), [], "loop devices left")


def many_at_once(box):
    converter = Converter(box)
    manifest = converted(box, converter)
    drill = Drill(box, converter)
    path = drill.do("many", 100, "m1", manifest)
    equal(mounts_below(drill.root), [path], "mounts of a hundred holders")
    for holder in range(100):
        drill.do("release", "m1", "many%d" % holder)
    equal(mounts_below(drill.root), [], "mounts without a holder")
    drill.shutdown()


def under_readers(box, drill, path, send):
    """Fifteen cold reads while floe-fusefs gets this signal: all of them end well, and another one serves."""
    drop_page_cache()
    readers = [subprocess.Popen(["sha256sum", "%s/data/file%d" % (path, number)], stdout=subprocess.PIPE, text=True) for number in range(1, 16)]
    old = drill.state()["fusefs"]
    os.kill(old, send)
    for number, reader in enumerate(readers, 1):
        out, _ = reader.communicate()
        equal(reader.returncode, 0, "a reader during signal %d" % send)
        equal(out.split()[0], expected(box, number), "what it read")
    wait_until("another floe-fusefs", lambda: drill.state()["fusefs"] not in (-1, old))


def fusefs_ends_under_readers(box):
    """Killed, and asked to end: SIGTERM and SIGHUP."""
    converter = Converter(box)
    manifest = converted(box, converter, data_mb=16)
    drill = Drill(box, converter)
    path = drill.do("mount", "m1", manifest, "a")
    signals = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP) * 3
    for send in signals:
        under_readers(box, drill, path, send)
    equal(drill.state()["restarts"], len(signals), "restarts")
    drill.shutdown()


def fusefs_hangs_under_readers(box):
    """Stopped and not dead: nobody is told, so the supervisor has to ask."""
    converter = Converter(box)
    manifest = converted(box, converter, data_mb=16)
    drill = Drill(box, converter)
    path = drill.do("mount", "m1", manifest, "a")
    stopped = drill.state()["fusefs"]
    under_readers(box, drill, path, signal.SIGSTOP)
    check(not os.path.exists("/proc/%d" % stopped), "the stopped floe-fusefs is left")
    with open(box.path("logs", "drill.log")) as log:
        check("does not answer" in log.read(), "the log does not say why it was replaced")
    drill.shutdown()


def hangup_reads_keys_and_trust_again(box):
    """A signer who is trusted later: refused until SIGHUP, and what runs goes on."""
    converter = Converter(box)
    first = converted(box, converter, data_mb=16)
    mine = box.path("node-keys")
    shutil.copytree(converter.keys, mine)
    os.unlink(os.path.join(converter.keys, "signing.key"))
    second = converted(box, converter, "other", 2)  # signed by a new key
    signer = box.path("other.pub")
    converter.floe("key", "export", "--signer", signer)
    converter.keys = mine
    drill = Drill(box, converter)
    path = drill.do("mount", "m1", first, "a")
    code, text = drill.refused("mount", "m2", second, "a")
    check(code in ("PERMISSION_DENIED", "FAILED_PRECONDITION") and "sign" in text, "refused with %s: %s", code, text)
    box.run([program("floe"), "key", "trust", signer], {"FLOE_KEYS": mine})
    code, _ = drill.refused("mount", "m2", second, "a")
    check(code != "OK", "trust was read without being asked to")
    under_readers(box, drill, path, signal.SIGHUP)
    other = drill.do("mount", "m2", second, "a")
    equal(digest(other + "/data/file1"), expected(box, 1, 2), "a file of the image whose signer is trusted now")
    drill.shutdown()


def keeper_dies(box):
    """The keeper's death is healed: new images open, and then floe-fusefs may die too."""
    converter = Converter(box)
    first, second = converted(box, converter), converted(box, converter, "other", 2)
    drill = Drill(box, converter)
    path = drill.do("mount", "m1", first, "a")
    merged = overlay(box, path)
    before = drill.state()
    os.kill(before["keeper"], signal.SIGKILL)
    wait_until("another floe-keeper", lambda: drill.state()["keeper"] not in (-1, before["keeper"]) and
               "moved to another keeper" in open(box.path("logs", "node-daemons.log")).read())
    other = drill.do("mount", "m2", second, "a")
    for number in (1, 2):
        old = drill.state()["fusefs"]
        os.kill(old, signal.SIGKILL)
        drop_page_cache()
        equal(digest("%s/data/file%d" % (merged, number)), expected(box, number), "a cold file after keeper and floe-fusefs died")
        equal(digest("%s/data/file%d" % (other, number)), expected(box, number, 2), "the same in the image that came between")
        wait_until("another floe-fusefs", lambda: drill.state()["fusefs"] not in (-1, old))
    box.run(["umount", merged])
    drill.shutdown()


def supervisor_dies(box):
    """SIGKILL of the mounting process: daemons and mounts live, the next one takes all over."""
    converter = Converter(box)
    first, second = converted(box, converter), converted(box, converter, "other", 2)
    drill = Drill(box, converter)
    kept = drill.do("mount", "m1", first, "a")
    clone = drill.do("clone", "m1", first, "a", "0:100000:65536", "0:100000:65536")
    dropped = drill.do("mount", "m2", second, "b")
    before = drill.state()
    drill.kill()
    equal(digest(kept + "/data/file1"), expected(box, 1), "a file without a supervisor")
    drill.start()
    after = drill.state()
    equal((after["keeper"], after["fusefs"], after["adopted"]), (before["keeper"], before["fusefs"], ("1", "1")), "the adopted daemons")
    equal(drill.do("mount", "m1", first, "a"), kept, "the mount taken over")
    equal(drill.do("clone", "m1", first, "a", "0:100000:65536", "0:100000:65536"), clone, "the clone taken over")
    equal(os.stat(clone + "/etc").st_uid, 100000, "owner in the clone")
    drill.do("drop")
    equal(sorted(mounts_below(drill.root)), sorted([kept, clone]), "mounts after those without a holder were dropped")
    check(not os.path.exists(dropped), "the mount point of a dropped mount is left")
    drop_page_cache()
    equal(digest(clone + "/data/file5"), expected(box, 5), "a cold file through the clone")
    drill.shutdown()


def all_die(box):
    """As a power cut: nothing lives, directories and records are left. The next start clears up and mounts anew."""
    converter = Converter(box)
    manifest = converted(box, converter)
    drill = Drill(box, converter)
    path = drill.do("mount", "m1", manifest, "a")
    state = drill.state()
    drill.kill()
    os.kill(state["fusefs"], signal.SIGKILL)
    os.kill(state["keeper"], signal.SIGKILL)
    wait_until("both are gone", lambda: not processes("floe-keeper") + processes("floe-fusefs"))
    drill.start()
    equal(mounts_below(drill.root), [], "dead mounts")
    path = drill.do("mount", "m1", manifest, "a")
    equal(digest(path + "/data/file2"), expected(box, 2), "a file of the new mount")
    drill.shutdown()


def bad_manifests(box):
    """The reason reaches the caller in floe-fusefs' own words, and nothing is left."""
    converter = Converter(box)
    manifest = converted(box, converter)
    drill = Drill(box, converter)
    for name, change in (("truncated", lambda data: data[:len(data) // 2]), ("empty", lambda data: b""),
                         ("flipped", lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])):
        with open(manifest, "rb") as whole, open(box.path(name), "wb") as bad:
            bad.write(change(whole.read()))
        code, text = drill.refused("mount", name, box.path(name), "a")
        equal(code, "FAILED_PRECONDITION", "code for a manifest that is " + name)
        check(len(text) > 20, "no reason: %s", text)
    equal(mounts_below(drill.root), [], "mounts of bad manifests")
    drill.do("mount", "m1", manifest, "a")
    drill.shutdown()


def failed_start(box):
    """A floe-fusefs that cannot start says why in the error, and the keeper is not left behind."""
    converter = Converter(box)
    check("error" in str(start_error(box, converter, ["--user", "no-such-user-for-floe"])), "a start with a bad user succeeded")
    equal(processes("floe-keeper") + processes("floe-fusefs"), [], "processes left")


def start_error(box, converter, flags):
    drill = Drill.__new__(Drill)
    try:
        drill.__init__(box, converter, flags=flags)
    except Exception as error:
        drill.process.wait(60)
        return "error: %s" % error
    return "it started"


main([both_back_ends, many_at_once, fusefs_ends_under_readers, fusefs_hangs_under_readers, hangup_reads_keys_and_trust_again,
      keeper_dies, supervisor_dies, all_die, bad_manifests, failed_start])
