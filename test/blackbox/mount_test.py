#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300 cost=20
"""floe mount and floe umount: a converted image without containerd, and nothing left of it afterwards.

usage: mount_test.py [TEST...]      (programs from $FLOE_BIN; needs root)
"""
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import threading

from floe_box import BAD_INPUT, BIN, NOT_FOUND, REFUSED, check, equal, main, noise, tar


def state_of(target):
    """Folders of floe mount's for this target."""
    found = []
    for path in glob.glob("/run/floe-mount/*/state.json"):
        with open(path) as state:
            if json.load(state)["target"] == target:
                found.append(os.path.dirname(path))
    return found


def daemons_of(folder):
    """Processes with this folder in their command line."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path) as line:
                if folder in line.read():
                    found.append(path)
        except OSError:
            pass  # ended meanwhile
    return found


def mounts(box):
    """Mounts that may be ours: others may mount things meanwhile."""
    with open("/proc/self/mounts") as lines:
        places = [line.split()[1] for line in lines]
    return sorted(place for place in places if place.startswith(("/run/floe-mount/", box.dir)))


def lazy_image(box, **flags):
    content = noise(3_000_000, 30)
    source = box.layout("src", tar(("bin", None), ("bin/tool", content), ("etc", None), ("etc/name", b"floe\n")))
    box.convert(source, box.path("lazy"), *flags)
    target = box.path("mnt")
    os.mkdir(target)
    box.undo.callback(subprocess.run, [os.path.join(BIN, "floe"), "umount", target], stderr=subprocess.DEVNULL)
    return target, content


def mounts_reads_and_leaves_nothing(box):
    before = mounts(box)
    target, content = lazy_image(box)
    box.floe("mount", "oci:" + box.path("lazy"), target)
    folder, = state_of(target)
    equal(open(os.path.join(target, "bin/tool"), "rb").read(), content, "a large file")
    equal(open(os.path.join(target, "etc/name")).read(), "floe\n", "a small file")
    listed = box.json("mount")
    check({"image": "oci:" + box.path("lazy"), "target": target} in listed, "listed: %s", listed)
    check(len(daemons_of(folder)) >= 2, "daemons: %s", daemons_of(folder))
    _, err = box.floe("mount", "oci:" + box.path("lazy"), target, code=REFUSED)
    check("floe umount" in err, "no remedy: %s", err)
    equal(os.path.exists(os.path.join(target, "bin/tool")), True, "still mounted after the refusal")
    box.floe("umount", target)
    equal(os.listdir(target), [], "the directory afterwards")
    equal((state_of(target), os.path.exists(folder), daemons_of(folder)), ([], False, []), "left over")
    equal(mounts(box), before, "mounts")
    _, err = box.floe("umount", target, code=NOT_FOUND)
    check(target in err, "the directory is not named: %s", err)


def fusefs_of(folder):
    """The process id of the floe-fusefs that serves a folder."""
    found = [path.split("/")[2] for path in daemons_of(folder) if os.path.basename(os.readlink(os.path.dirname(path) + "/exe")) == "floe-fusefs"]
    equal(len(found), 1, "floe-fusefs processes of " + folder)
    return found[0]


def locked_bytes(pid):
    with open("/proc/%s/status" % pid) as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmLck:"))


def keys_are_locked_in_memory(box):
    target, content = lazy_image(box)
    image = "oci:" + box.path("lazy")
    box.floe("mount", image, target)
    folder, = state_of(target)
    chunks, locked = len(box.chunks()), locked_bytes(fusefs_of(folder))
    check(locked >= 64 * chunks, "%d bytes locked for %d chunks", locked, chunks)
    with open(folder + "/daemons.log") as log:
        check("not locked" not in log.read(), "a warning of unlocked keys")
    box.floe("umount", target)

    # With a limit that even root may not raise, it says so and goes on.
    box.floe("mount", image, target, before=("setpriv", "--bounding-set=-sys_resource", "prlimit", "--memlock=4096:4096"))
    folder, = state_of(target)
    equal(open(os.path.join(target, "bin/tool"), "rb").read(), content, "a large file")
    less = locked_bytes(fusefs_of(folder))
    check(less < locked, "%d bytes locked with a low limit, %d with a usual one", less, locked)
    with open(folder + "/daemons.log") as log:
        lines = [line for line in log if "keys are not locked in memory" in line]
    equal(len(lines), 1, "warnings")
    check("LimitMEMLOCK=" in lines[0] and "limit_bytes=4096" in lines[0], "no remedy or limit: %s", lines[0])
    box.floe("umount", target)


def a_cache_of_its_own_is_kept(box):
    target, content = lazy_image(box)
    cache = box.path("not/there/yet")
    for _ in range(2):
        box.floe("mount", "--cache-dir", cache, "oci:" + box.path("lazy"), target)
        equal(open(os.path.join(target, "bin/tool"), "rb").read(), content, "a large file")
        box.floe("umount", target)
        check(os.listdir(cache), "the cache is empty")


def the_tiers_are_those_of_the_configuration(box):
    target, content = lazy_image(box)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        metrics = "127.0.0.1:%d" % taken.getsockname()[1]
    node = open(box.config).read() + '[cache]\nservers = ["127.0.0.1:9", "127.0.0.2:9"]\n[fusefs]\nmetrics = "%s"\n' % metrics
    box.write("floe.toml", node)
    box.floe("mount", "oci:" + box.path("lazy"), target)
    folder, = state_of(target)
    with open(folder + "/daemons.log") as log:
        check("cache servers servers=2" in log.read(), "the shared cache is not used")
    # That address is for the node's floe-fusefs, which may come later.
    with socket.socket() as client:
        check(client.connect_ex(("127.0.0.1", int(metrics.split(":")[1]))) != 0, "the node's address of metrics is taken")
    equal(open(os.path.join(target, "bin/tool"), "rb").read(), content, "without any server that answers")
    box.floe("umount", target)
    box.write("floe.toml", node.replace("servers", "code = \"4-1\"\nservers"))
    _, err = box.floe("mount", "oci:" + box.path("lazy"), target, code=None)
    equal((state_of(target), os.listdir(target)), ([], []), "left over")
    check("4-1" in err, "what is wrong in the configuration is not told: %s", err)


def dead_daemons_do_not_hinder_umount(box):
    """Nobody watches the daemons of floe mount: what a dead floe-fusefs was asked waits, until floe umount ends it."""
    for names in (["floe-fusefs"], ["floe-fusefs", "floe-keeper"]):
        target, content = lazy_image(box)
        before = mounts(box)
        box.floe("mount", "oci:" + box.path("lazy"), target)
        folder, = state_of(target)
        for name in names:
            for line in daemons_of(folder):
                pid = int(line.split("/")[2])
                with open("/proc/%d/comm" % pid) as comm:
                    if comm.read().strip() == name:
                        os.kill(pid, signal.SIGKILL)
        _, err = box.floe("umount", target)
        check("floe-fusefs" in err and "had ended" in err, "umount does not say what it found: %s", err)
        equal(os.listdir(target), [], "the directory afterwards")
        equal((state_of(target), os.path.exists(folder), daemons_of(folder)), ([], False, []), "left over")
        equal(mounts(box), before, "mounts")
        box.floe("mount", "oci:" + box.path("lazy"), target)  # and it can be mounted again
        equal(open(os.path.join(target, "bin/tool"), "rb").read(), content, "a large file")
        box.floe("umount", target)
        shutil.rmtree(box.path("lazy"))
        shutil.rmtree(box.path("src"))
        os.rmdir(target)


def several_come_and_go_at_once(box):
    """What they share, folders and their removal, is in nobody's way."""
    first, content = lazy_image(box)
    targets = [first] + [box.path("mnt%d" % number) for number in (1, 2)]
    for target in targets:
        os.makedirs(target, exist_ok=True)
        box.undo.callback(subprocess.run, [os.path.join(BIN, "floe"), "umount", target], stderr=subprocess.DEVNULL)
    failures = []

    def come_and_go(target):
        try:
            for _ in range(4):
                box.floe("mount", "oci:" + box.path("lazy"), target)
                equal(open(os.path.join(target, "bin/tool"), "rb").read(), content, "a large file")
                box.floe("umount", target)
        except Exception as failure:  # the thread's, told below
            failures.append(failure)

    threads = [threading.Thread(target=come_and_go, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [], "failures")


def refusals_leave_nothing(box):
    target, _ = lazy_image(box)
    before = mounts(box)

    def refused(code, words, *arguments, env=()):
        _, err = box.floe("mount", *arguments, code=code, env=env)
        for word in words:
            check(word in err, "the error does not name %r: %s", word, err)
        equal((state_of(target), mounts(box), os.listdir(target)), ([], before, []), "left over")
    refused(REFUSED, ["floe convert"], "oci:" + box.path("src"), target)
    refused(REFUSED, ["floe key"], "oci:" + box.path("lazy"), target, env={"FLOE_KEYS": box.path("no-keys")})
    refused(NOT_FOUND, [box.path("nowhere")], "oci:" + box.path("lazy"), box.path("nowhere"))
    refused(BAD_INPUT, ["DIR"], "oci:" + box.path("lazy"))
    for chunk in box.chunks():
        os.unlink(chunk)
    _, err = box.floe("mount", "--timeout", "10s", "oci:" + box.path("lazy"), target, code=None)
    equal((state_of(target), mounts(box), os.listdir(target)), ([], before, []), "left over")


if __name__ == "__main__":
    main(mounts_reads_and_leaves_nothing, keys_are_locked_in_memory, a_cache_of_its_own_is_kept, the_tiers_are_those_of_the_configuration, dead_daemons_do_not_hinder_umount,
         several_come_and_go_at_once, refusals_leave_nothing)
