#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=900
"""floe-fusefs under faults, as root, with real mounts: killed daemons, killed readers, slow and broken stores, damaged cache entries,
foreign keys. Times only ever decide a failure after long patience, but for the one bound that node.md sets (a stuck image delays a
healthy one by less than 100 ms), which is compared with the same read on an idle node.

usage: fusefs_test.py [TestCase[.test]]
"""
import contextlib
import glob
import hashlib
import http.client
import mmap
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fusefs_node
from fusefs_node import BIN, Control, ControlError, Converter, Node, digests_of, drop_caches, random_bytes, tree_digests

FAILED_PRECONDITION, ALREADY_EXISTS, INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE = 9, 6, 3, 5, 14


class SlowStore:
    """The folder store through counting_fs, which counts and can make every read wait."""

    def __init__(self, folder, source):
        self.folder, self.counters = os.path.join(folder, "slow"), os.path.join(folder, "slow.counters")
        os.makedirs(self.folder)
        subprocess.run([os.path.join(BIN, "counting_fs"), source, self.folder, self.counters, "-o", "allow_other,default_permissions"],
                       check=True)

    def bytes(self):
        with open(self.counters, "rb") as counters:
            return struct.unpack("<Q", counters.read(8))[0]

    def hold(self, on):
        with open(self.counters, "r+b") as counters:
            counters.seek(24)
            counters.write(struct.pack("<Q", 1 if on else 0))

    def close(self):
        self.hold(False)
        subprocess.run(["umount", "-l", self.folder], check=True)


def http_over(address):
    """To a unix socket's path or host:port."""
    connection = http.client.HTTPConnection("localhost", timeout=60)
    if address.startswith("/"):
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(address)
    else:
        connection = http.client.HTTPConnection(address, timeout=60)
    return connection


def loop_devices():
    return set(glob.glob("/sys/block/loop*/loop/backing_file"))


class FusefsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        cls.folder = tempfile.mkdtemp(prefix="floe-fault-")
        os.chmod(cls.folder, 0o755)
        cls.converter = Converter(os.path.join(cls.folder, "converter"))
        cls.files = {"dir%d/file%d" % (i % 3, i): random_bytes(200000 + 7919 * i, i) for i in range(24)}
        cls.manifest = cls.converter.manifest("one", cls.files)
        cls.other_files = {"other%d" % i: random_bytes(150000, 1000 + i) for i in range(16)}
        cls.other = cls.converter.manifest("two", cls.other_files)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def node(self, *flags, slow=None):
        node = self.stack.enter_context(Node(self.converter, *flags, store="folder:" + slow.folder if slow else None))
        if slow:  # first of all, else a killed daemon could not die
            self.stack.callback(slow.hold, False)
        return node

    def slow_store(self):
        slow = SlowStore(tempfile.mkdtemp(prefix="slow-", dir=self.folder), self.converter.store)
        os.chmod(os.path.dirname(slow.folder), 0o755)
        self.stack.callback(slow.close)
        return slow

    def assert_equal_tree(self, point, files):
        self.assertEqual(tree_digests(point), digests_of(files))

    # --- the whole path

    def test_serves_every_byte_without_a_loop_device(self):
        loops = loop_devices()
        node = self.node()
        point, opened = node.mount("0a", self.manifest)
        self.assert_equal_tree(point, self.files)
        self.assertEqual(os.major(os.stat(point).st_dev), 0)
        self.assertEqual(loop_devices() - loops, set())
        self.assertEqual(opened["size"] % 4096, 0)

    def test_runs_without_privileges(self):
        node = self.node()
        with open("/proc/%d/status" % node.fusefs.pid) as text:
            status = dict(line.split(":\t", 1) for line in text.read().splitlines() if ":\t" in line)
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[capabilities], 16), 0, capabilities)
        self.assertEqual(status["Uid"].split(), ["61616"] * 4)
        self.assertEqual(status["Gid"].split(), ["61616"] * 4)
        self.assertEqual(status["Groups"].strip(), "")
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        # Not dumpable: its /proc belongs to root.
        self.assertEqual(os.stat("/proc/%d/environ" % node.fusefs.pid).st_uid, 0)

    def test_raw_images_are_nobodys_to_read(self):
        node = self.node()
        node.mount("0a", self.manifest)
        with open("/proc/mounts") as mounts:
            self.assertNotIn("fuse", "".join(line for line in mounts if node.folder in line).replace("fusefs.sock", ""))
        child = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "cat", "/proc/self/fd/%d/0a" % node.fuse],
                               pass_fds=[node.fuse], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertNotEqual(child.returncode, 0)
        self.assertEqual(child.stdout, b"")

    def test_close_waits_for_the_kernel(self):
        node = self.node()
        point, _ = node.mount("0a", self.manifest)
        node.control.close("0a")
        self.assertEqual([(i["name"], i["closing"]) for i in node.control.list()], [("0a", 1)])
        drop_caches()
        self.assert_equal_tree(point, self.files)
        node.umount("0a")
        node.wait_for(lambda: node.control.list() == [])
        with self.assertRaises(ControlError) as error:
            node.control.close("0a")
        self.assertEqual(error.exception.code, NOT_FOUND)

    def test_inode_numbers_are_never_used_again(self):
        node = self.node()
        inodes = []
        for round_ in range(3):
            inodes.append(node.control.open("0a", self.manifest)["inode"])
            node.control.close("0a")
            node.wait_for(lambda: node.control.list() == [])
            if round_ == 1:
                node.restart()
        self.assertEqual(len(set(inodes)), 3)

    # --- manifests that must not be served

    def test_bad_manifests_are_refused_with_the_reason(self):
        node = self.node()
        with open(self.manifest, "rb") as source:
            good = source.read()
        bad = os.path.join(self.folder, "bad.manifest")
        for at in (0, 8, 300, len(good) // 2):
            with open(bad, "wb") as out:
                out.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
            with self.assertRaises(ControlError) as error:
                node.control.open("0a", bad)
            self.assertEqual(error.exception.code, FAILED_PRECONDITION, error.exception)
            self.assertTrue(error.exception.text)
        with open(bad, "wb") as out:
            out.write(good[:-10])
        with self.assertRaises(ControlError):
            node.control.check(bad)
        node.control.check(self.manifest)
        self.assertEqual(node.control.list(), [])

    def test_foreign_signers_are_refused(self):
        stranger = Converter(tempfile.mkdtemp(prefix="stranger-", dir=self.folder))
        manifest = stranger.manifest("x", {"f": b"x" * 10000})
        node = self.node()
        with self.assertRaises(ControlError) as error:
            node.control.open("0a", manifest)
        self.assertEqual(error.exception.code, FAILED_PRECONDITION)
        self.assertIn("sign", error.exception.text)

    def test_bad_names_and_taken_names(self):
        node = self.node()
        for name in ("", "../x", "a/b", "A", "0" * 200):
            with self.assertRaises(ControlError) as error:
                node.control.open(name, self.manifest)
            self.assertEqual(error.exception.code, INVALID_ARGUMENT, name)
        first = node.control.open("0a", self.manifest)
        self.assertEqual(node.control.open("0a", self.manifest), first)
        with self.assertRaises(ControlError) as error:
            node.control.open("0a", self.other)
        self.assertEqual(error.exception.code, ALREADY_EXISTS)

    def test_random_keys_on_warm_chunks_give_nothing(self):
        """Who may convert and knows others' chunk ids, but not their keys, gets none of their bytes, out of memory or from disk: not one
        more than is in the chunks that are his own, which a node shows that has nothing but these."""
        bare = self.node()
        opened = bare.control.open("0a", self.manifest)
        # What opening fetches is what mount(2) needs: these chunks are the attacker's own, so to say.
        bare.wait_for(lambda: bare.control.metric("floe_tier_entries") == bare.control.metric("floe_chunk_fetches_total"))
        own = [os.path.basename(path)[:64] for path in glob.glob(bare.cache + "/c/*/*")]
        self.assertLess(len(own), opened["chunks"] // 4)
        bare.store = "folder:/nonexistent/store"
        bare.restart()
        point, _ = bare.mount("0a", self.manifest)
        allowed = {path: self.what_can_be_read(os.path.join(point, path)) for path in self.files}
        self.assertLess(sum(map(len, allowed.values())), sum(map(len, self.files.values())) // 4)

        node = self.node()
        point, _ = node.mount("0a", self.manifest)
        self.assert_equal_tree(point, self.files)
        hostile = os.path.join(self.folder, "hostile.manifest")
        told = subprocess.run([os.path.join(BIN, "hostile_manifest"), self.converter.keys, self.manifest, hostile] + own, check=True,
                              stdout=subprocess.PIPE).stdout.decode()
        self.assertIn("%d of %d" % (len(own), opened["chunks"]), told)
        for warm in ("memory and disk", "disk"):
            stolen, _ = node.mount("0b", hostile)
            self.assertEqual(sorted(os.listdir(stolen)), ["dir0", "dir1", "dir2"])
            fetched = node.control.metric("floe_store_bytes_total", operation="get")
            for path in self.files:
                got = self.what_can_be_read(os.path.join(stolen, path))
                self.assertTrue(got == allowed[path], "%s warm: %d bytes of %s, %d are allowed" % (warm, len(got), path, len(allowed[path])))
            self.assertGreater(node.control.metric("floe_chunk_open_failures_total"), 0)
            self.assertEqual(node.control.metric("floe_store_bytes_total", operation="get"), fetched, "the chunks were warm")
            self.assertIn("read failed", node.log_text())
            drop_caches()
            self.assert_equal_tree(point, self.files)  # the owner is not harmed
            node.umount("0b")
            node.control.close("0b")
            node.restart()
            # The kernel releases an image some time after umount(2), perhaps to the daemon that was just killed.
            node.wait_for(lambda: "0b" not in [image["name"] for image in node.control.list()])

    def what_can_be_read(self, path):
        """All blocks of a file that do not fail."""
        got = []
        with open(path, "rb", buffering=0) as source:
            for offset in range(0, os.fstat(source.fileno()).st_size, 4096):
                with contextlib.suppress(OSError):
                    got.append(os.pread(source.fileno(), 4096, offset))
        return b"".join(got)

    # --- survival

    def test_killed_daemon_is_replaced_and_nobody_notices(self):
        node = self.node("--memory-bytes", "0", "--cache-bytes", "0")
        point, opened = node.mount("0a", self.manifest)
        failures, stop, rounds = [], threading.Event(), [0] * 4
        expected = digests_of(self.files)

        def read(number):
            while not stop.is_set():
                try:
                    if tree_digests(point) != expected:
                        failures.append("wrong bytes")
                except OSError as error:
                    failures.append(str(error))
                rounds[number] += 1
        readers = [threading.Thread(target=read, args=(n,)) for n in range(len(rounds))]
        for reader in readers:
            reader.start()
        for _ in range(8):
            drop_caches()
            node.kill()
            drop_caches()
            node.start()
        done = list(rounds)
        node.wait_for(lambda: all(now > before for now, before in zip(rounds, done)))
        stop.set()
        for reader in readers:
            reader.join(60)
        self.assertEqual(failures, [])
        self.assertEqual(node.control.list()[0]["inode"], opened["inode"])

    def test_reads_taken_by_the_dead_are_answered_by_the_next(self):
        slow = self.slow_store()
        node = self.node("--cache-bytes", "0", "--memory-bytes", "0", slow=slow)
        point, _ = node.mount("0a", self.manifest)
        drop_caches()
        slow.hold(True)
        reader = subprocess.Popen(["sha256sum", os.path.join(point, "dir0/file0")], stdout=subprocess.PIPE)
        node.wait_for(lambda: node.control.metric("floe_store_requests_in_flight") > 0)
        node.fusefs.kill()  # dies when the store lets its threads go
        self.assertIsNone(reader.poll())
        slow.hold(False)
        node.fusefs.wait(60)
        node.start()
        self.assertEqual(reader.communicate(timeout=60)[0].decode().split()[0], hashlib.sha256(self.files["dir0/file0"]).hexdigest())

    def test_restart_needs_no_store_and_no_key(self):
        node = self.node()
        point, _ = node.mount("0a", self.manifest)
        self.assert_equal_tree(point, self.files)
        node.store = "folder:/nonexistent/store"
        keys = self.converter.keys + ".away"
        os.rename(self.converter.keys, keys)
        try:
            os.makedirs(self.converter.keys, mode=0o700)
            shutil.copy2(keys + "/disk-tier.key", self.converter.keys)
            node.restart()
            drop_caches()
            self.assert_equal_tree(point, self.files)
            self.assertEqual(node.control.metric("floe_store_requests_total", operation="get"), 0)
        finally:
            shutil.rmtree(self.converter.keys)
            os.rename(keys, self.converter.keys)

    def test_another_init_reply_is_not_taken_over(self):
        node = self.node()
        # The kernel's first request is answered beside the start, and kept before that.
        node.wait_for(lambda: b"fuse.init" in node.keeper.call(fusefs_node.Keeper.LIST, "fuse.")[0])
        blob, _ = node.keeper.call(fusefs_node.Keeper.GET, "fuse.init")
        node.kill()
        changed = bytearray(blob)
        changed[-40] ^= 1
        node.keeper.call(fusefs_node.Keeper.PUT, "fuse.init", bytes(changed))
        with self.assertRaisesRegex(RuntimeError, "start that version again"):
            node.start()
        node.keeper.call(fusefs_node.Keeper.PUT, "fuse.init", blob)
        node.start()

    def test_the_end_of_the_connection_ends_the_daemon(self):
        node = self.node()
        number = os.minor(os.fstat(node.fuse).st_dev) | os.major(os.fstat(node.fuse).st_dev) << 8
        control = tempfile.mkdtemp(dir=node.folder)
        subprocess.run(["mount", "-t", "fusectl", "none", control], check=True)
        self.stack.callback(lambda: subprocess.run(["umount", control], check=True))
        with open("%s/%d/abort" % (control, number), "w") as abort:
            abort.write("1")
        self.assertEqual(node.fusefs.wait(60), 3)

    # --- stores that fail

    def test_killed_readers_poison_nothing(self):
        slow = self.slow_store()
        node = self.node("--cache-bytes", "0", "--memory-bytes", "0", slow=slow)
        point, _ = node.mount("0a", self.manifest)
        paths = [os.path.join(point, path) for path in self.files]
        for round_ in range(10):
            drop_caches()
            slow.hold(True)
            readers = [subprocess.Popen(["cat", paths[i % len(paths)]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                       for i in range(100)]
            node.wait_for(lambda: node.control.metric("floe_store_requests_in_flight") > 0)
            for reader in readers:
                reader.kill()
            slow.hold(False)
            for reader in readers:
                reader.wait(60)
        self.assert_equal_tree(point, self.files)

    def test_an_error_inside_readahead_heals(self):
        chunks = self.converter.chunks()
        node = self.node("--cache-bytes", "0", "--memory-bytes", "0")
        point, _ = node.mount("0a", self.manifest)
        drop_caches()
        away = os.path.join(self.folder, "away")
        os.makedirs(away)
        for chunk in chunks:
            os.rename(chunk, os.path.join(away, os.path.basename(chunk)))
        failed = 0
        try:
            for path in self.files:
                try:
                    with open(os.path.join(point, path), "rb") as source:
                        source.read()
                except OSError:
                    failed += 1
        finally:
            for chunk in chunks:
                os.rename(os.path.join(away, os.path.basename(chunk)), chunk)
        self.assertGreater(failed, 0)
        self.assertIn("read failed", node.log_text())
        self.assertRegex(node.log_text(), "image=test .*chunk [0-9a-f]{64}")
        self.assert_equal_tree(point, self.files)

    def test_an_altered_chunk_is_an_error_and_never_other_bytes(self):
        node = self.node("--memory-bytes", "0")
        point, _ = node.mount("0a", self.manifest)
        drop_caches()
        undo = {}
        try:
            for chunk in self.converter.chunks():
                with open(chunk, "r+b") as sealed:
                    undo[chunk] = sealed.read()
                    sealed.seek(100)
                    sealed.write(bytes([undo[chunk][100] ^ 1]))
            for path, data in self.files.items():
                try:
                    with open(os.path.join(point, path), "rb") as source:
                        self.assertEqual(source.read(), data)  # what the metadata's chunks brought along
                except OSError:
                    pass
            self.assertGreater(node.control.metric("floe_chunk_mismatches_total"), 0)
        finally:
            for chunk, data in undo.items():
                with open(chunk, "wb") as sealed:
                    sealed.write(data)
        self.assert_equal_tree(point, self.files)

    def test_a_stuck_image_does_not_delay_another(self):
        slow = self.slow_store()
        node = self.node("--memory-bytes", "0", slow=slow)
        stuck, _ = node.mount("0a", self.manifest)
        healthy, _ = node.mount("0b", self.other)
        self.assert_equal_tree(healthy, self.other_files)  # into the disk tier

        def read_healthy():
            drop_caches()
            begun = time.monotonic()
            self.assert_equal_tree(healthy, self.other_files)
            return time.monotonic() - begun
        alone = min(read_healthy() for _ in range(3))
        slow.hold(True)
        readers = [subprocess.Popen(["cat", os.path.join(stuck, path)], stdout=subprocess.DEVNULL)
                   for path in list(self.files) * 2]
        try:
            node.wait_for(lambda: node.control.metric("floe_store_requests_in_flight") > 0)
            beside = min(read_healthy() for _ in range(3))
            self.assertTrue(any(reader.poll() is None for reader in readers))
            print("2.4 MB alone %.0f ms, beside a stuck image %.0f ms" % (alone * 1000, beside * 1000))
            self.assertLess(beside - alone, 0.1)
        finally:
            slow.hold(False)
            for reader in readers:
                reader.wait(120)
        self.assertEqual([reader.returncode for reader in readers], [0] * len(readers))

    def test_one_fetch_for_all_readers(self):
        slow = self.slow_store()
        node = self.node("--cache-bytes", "0", slow=slow)
        point, _ = node.mount("0a", self.manifest)
        drop_caches()
        slow.hold(True)
        path = os.path.join(point, "dir1/file1")
        readers = [subprocess.Popen(["sha256sum", path], stdout=subprocess.PIPE) for _ in range(20)]
        node.wait_for(lambda: node.control.metric("floe_store_requests_in_flight") > 0)
        slow.hold(False)
        digests = {reader.communicate(timeout=60)[0].split()[0].decode() for reader in readers}
        self.assertEqual(digests, {hashlib.sha256(self.files["dir1/file1"]).hexdigest()})
        fetched = node.control.metric("floe_store_requests_total", operation="get", result="ok")
        chunks = node.control.metric("floe_chunk_fetches_total")
        self.assertEqual(fetched, chunks)
        self.assertLessEqual(fetched, len(self.converter.chunks()))

    def test_a_store_that_does_not_answer_is_an_error_in_time(self):
        slow = self.slow_store()
        config = os.path.join(self.folder, "short.toml")
        with open(self.converter.config) as source, open(config, "w") as out:
            out.write(source.read() + '[fusefs]\nread_deadline = "1s"\n')
        node = self.node("--config", config, "--cache-bytes", "0", "--memory-bytes", "0", slow=slow)
        point, _ = node.mount("0a", self.manifest)
        drop_caches()
        slow.hold(True)
        with self.assertRaises(OSError):
            with open(os.path.join(point, "dir2/file2"), "rb") as source:
                source.read()
        slow.hold(False)
        self.assert_equal_tree(point, self.files)

    # --- the disk tier

    def test_damaged_cache_entries_are_fetched_again(self):
        node = self.node("--memory-bytes", "0")
        point, _ = node.mount("0a", self.manifest)
        self.assert_equal_tree(point, self.files)
        entries = sorted(glob.glob(node.cache + "/c/*/*"))
        self.assertGreater(len(entries), 10)
        for number, entry in enumerate(entries):
            with open(entry, "r+b") as sealed:
                if number % 3 == 0:
                    sealed.truncate(os.path.getsize(entry) // 2)
                elif number % 3 == 1:
                    sealed.seek(os.path.getsize(entry) - 1)
                    last = sealed.read(1)
                    sealed.seek(-1, 1)
                    sealed.write(bytes([last[0] ^ 1]))
                else:
                    sealed.seek(20)
                    sealed.write(b"nonsense")
        drop_caches()
        self.assert_equal_tree(point, self.files)
        self.assertGreater(node.control.metric("floe_tier_damaged_total"), 10)
        self.assertEqual(node.control.metric("floe_fuse_read_errors_total"), 0)

    def test_disk_tier_keeps_its_limit(self):
        """An image of five times the limit, walked by two readers from both ends. The tier has a file system of its own, whose used
        bytes are one number and cannot be misread while files come and go; a thread looks at it all the time."""
        limit, files = 16 << 20, {"big%d" % i: random_bytes(4 << 20, 5000 + i) for i in range(20)}
        manifest, slow = self.converter.manifest("big", files), self.slow_store()
        cache = tempfile.mkdtemp(prefix="cache-", dir=self.folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=700,uid=61616,gid=61616", "tmpfs", cache], check=True)
        self.stack.callback(lambda: subprocess.run(["umount", "-l", cache], check=True))
        node = self.node("--cache-bytes", str(limit), "--memory-bytes", "0", "--cache-dir", cache, slow=slow)
        point, _ = node.mount("0a", manifest)
        seen, wrong, walked = [], [], threading.Event()

        def watch():
            while not walked.is_set():
                space = os.statvfs(cache)
                seen.append((space.f_blocks - space.f_bfree) * space.f_frsize)

        def walk(paths):
            for path in paths:
                with open(os.path.join(point, path), "rb") as source:
                    if hashlib.sha256(source.read()).digest() != hashlib.sha256(files[path]).digest():
                        wrong.append(path)
        watcher = threading.Thread(target=watch)
        walkers = [threading.Thread(target=walk, args=(paths,)) for paths in (list(files), list(files)[::-1])]
        watcher.start()
        for walker in walkers:
            walker.start()
        for walker in walkers:
            walker.join()
        walked.set()
        watcher.join()
        moved = slow.bytes()
        print("limit %d, most used %d in %d looks, %d bytes moved" % (limit, max(seen), len(seen), moved))
        self.assertEqual(wrong, [])
        self.assertGreater(len(seen), 100)
        self.assertLessEqual(max(seen), limit)
        self.assertGreater(max(seen), limit // 2)
        self.assertGreaterEqual(moved, 5 * limit)
        self.assertGreater(node.control.metric("floe_tier_evictions_total", tier="disk"), 0)

    def test_a_full_disk_hinders_no_read(self):
        image = os.path.join(self.folder, "small.img")
        with open(image, "wb") as out:
            out.truncate(24 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
        small = os.path.join(self.folder, "small")
        os.makedirs(small)
        subprocess.run(["mount", "-o", "loop", image, small], check=True)
        self.stack.callback(lambda: subprocess.run(["umount", small], check=True))
        os.chmod(small, 0o755)
        os.makedirs(small + "/cache")
        os.chown(small + "/cache", 61616, 61616)
        node = self.node("--cache-dir", small + "/cache", "--free-share", "0.2", "--memory-bytes", "0")
        point, _ = node.mount("0a", self.manifest)
        self.assert_equal_tree(point, self.files)
        node.wait_for(lambda: node.control.metric("floe_tier_bytes", tier="disk") > 0)
        # Somebody else fills it: the tier gives way.
        before = node.control.metric("floe_tier_entries")
        with open(small + "/competitor", "wb") as out:
            with contextlib.suppress(OSError):
                out.write(b"x" * (12 << 20))
                out.flush()
        node.wait_for(lambda: node.control.metric("floe_tier_entries") < before)
        drop_caches()
        self.assert_equal_tree(point, self.files)

    def test_the_page_cache_holds_the_bytes_once(self):
        """Others may drop the machine's page cache at any time. Pages that are mapped stay all the same, so the image is mapped; what
        must not be there (a second copy) is looked for after each file, and the most that was seen counts."""
        files = {"f%d" % i: random_bytes(8 << 20, 7000 + i) for i in range(12)}
        node = self.node()
        point, _ = node.mount("0a", self.converter.manifest("cached", files))
        self.assert_equal_tree(point, files)  # everything local
        drop_caches()
        total = sum(len(data) for data in files.values())
        elsewhere = {"raw image": ["/proc/self/fd/%d/0a" % node.fuse], "disk tier": glob.glob(node.cache + "/c/*/*"),
                     "store": self.converter.chunks()}
        most = dict.fromkeys(elsewhere, 0)
        for path, data in files.items():
            with open(os.path.join(point, path), "rb") as source:
                self.assertEqual(len(source.read()), len(data))
                pages = self.stack.enter_context(mmap.mmap(source.fileno(), 0, prot=mmap.PROT_READ))
            for name, paths in elsewhere.items():
                most[name] = max(most[name], sum(map(fusefs_node.cached_bytes, paths)))
            self.assertEqual(hashlib.sha256(pages).digest(), hashlib.sha256(data).digest())
        image = sum(fusefs_node.cached_bytes(os.path.join(point, path)) for path in files)
        print("bytes read %d, in the page cache: %d, elsewhere %s" % (total, image, most))
        self.assertGreaterEqual(image, total)
        self.assertLess(image + sum(most.values()), 1.1 * total)

    # --- starting where it must not

    def test_refuses_a_cache_of_its_own_making(self):
        node = self.node()
        point, _ = node.mount("0a", self.manifest)
        upper, work, merged = (tempfile.mkdtemp(dir=node.folder) for _ in range(3))
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=%s,upperdir=%s,workdir=%s" % (point, upper, work), merged],
                       check=True)
        try:
            for flag, path in (("--cache-dir", point + "/cache"), ("--cache-dir", merged + "/cache"), ("--store", "folder:" + merged)):
                settings = {"--control": node.folder + "/x.sock", "--keeper": node.keeper_sock, "--keys": self.converter.keys,
                            "--cache-dir": node.folder + "/cache2", flag: path}
                done = subprocess.run([os.path.join(BIN, "floe-fusefs")] + [word for pair in settings.items() for word in pair],
                                      stderr=subprocess.PIPE, timeout=60)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("would wait for itself", done.stderr.decode())
        finally:
            subprocess.run(["umount", merged], check=True)

    def test_two_may_be_configured_with_one_metrics_address(self):
        path = os.path.join(self.folder, "metrics.sock")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        for address in (path, "127.0.0.1:%d" % port):
            first, second = self.node("--metrics", address), self.node("--metrics", address)
            self.assertNotIn("no metrics are served", first.log_text())
            self.assertRegex(second.log_text(), "warning no metrics are served: .*%s" % re.escape(address))
            point, _ = second.mount("0a", self.manifest)
            self.assert_equal_tree(point, self.files)
            with contextlib.closing(http_over(address)) as connection:
                connection.request("GET", "/metrics")
                self.assertIn(b"floe_", connection.getresponse().read())
            first.restart()  # its own address is not in the way
            self.assertNotIn("no metrics are served", first.log_text())

    def test_says_what_is_missing(self):
        cases = [(["--keeper", "/nonexistent.sock"], "floe-keeper"), (["--user", "no-such-user"], "no-such-user"),
                 (["--cache-bytes", "a lot"], "a lot"), (["--config", "/nonexistent.toml"], "nonexistent.toml"),
                 (["--metrics", "0.0.0.0:1"], "127.0.0.1")]
        for flags, text in cases:
            done = subprocess.run([os.path.join(BIN, "floe-fusefs"), "--control", self.folder + "/y.sock", "--keys", self.converter.keys,
                                   "--cache-dir", self.folder + "/cache3"] + flags, stderr=subprocess.PIPE, timeout=60)
            self.assertNotEqual(done.returncode, 0, flags)
            self.assertIn(text, done.stderr.decode())


if __name__ == "__main__":
    unittest.main(verbosity=2)
