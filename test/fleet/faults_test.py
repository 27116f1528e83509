#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=400 cost=100
"""What a shared cache can do to its readers, on six real memcached servers behind links, with MinIO as origin: nothing. It is flushed,
cut off, frozen, poisoned and replaced server by server; never a wrong byte, never a failed read while the origin lives. Counters
decide, the clock does not; what it costs is printed (and measured by bench/fleet_bench.py)."""
import concurrent.futures
import contextlib
import hashlib
import os
import threading
import time

import poison
from fleet import DEFAULT, PATIENT, PREFIX, Cache, S3Converter
from harness import check, equal, main, wait_until
from network import Network
from servers import Minio

import fusefs_node

FILES = {"data/file%02d" % number: fusefs_node.random_bytes(256 * 1024, number) for number in range(64)}
WANTED = fusefs_node.digests_of(FILES)


class Fleet:
    """An image of 16 MB in MinIO, six cache servers, and as many nodes as a test wants, one after the other."""

    def __init__(self, box, count=6):
        self.box, self.net = box, Network(box)
        self.minio = Minio(box, self.net.machine("minio"))
        self.cache = Cache(box, self.net, count)
        self.converter = S3Converter(box, self.minio)
        self.folder = box.folder("images")
        os.chmod(box.dir, 0o755)  # floe-fusefs, which is nobody, reads the file of servers there
        self.floe = self.converter.floe
        self.keys = self.converter.keys
        self.env = dict(os.environ, **self.converter.rights("node"))
        self.manifest = fusefs_node.Converter.manifest(self, "image", FILES)
        self.chunks = len(self.converter.chunks())
        self.nodes = 0

    @contextlib.contextmanager
    def node(self, decision=PATIENT, settings=None):
        """A node with nothing of the image: yields it and where the image is mounted."""
        self.nodes += 1
        self.config = self.box.write("node%d.toml" % self.nodes, self.cache.settings(decision) if settings is None else settings)
        with fusefs_node.Node(self, store=self.converter.address, env=self.env) as node, self.logged(node):
            yield node, node.mount("a", self.manifest)[0]

    @contextlib.contextmanager
    def logged(self, node):
        """What floe-fusefs said is told with the other logs when the test fails."""
        try:
            yield
        finally:
            self.box.write("logs/node%d.log" % self.nodes, node.log_text())

    def read(self, decision=PATIENT):
        """A new node reads the whole image, right to the last byte; what its tiers counted, and seconds a file."""
        with self.node(decision) as (node, point):
            seconds = read_all(point)
            counted = Counted(node)
        counted.seconds = seconds
        return counted

    def warm(self):
        """The first node's reads fill the cache."""
        counted = self.read()
        self.cache.filled(5 * counted.origin)
        return counted


class Counted:
    def __init__(self, node):
        def tier(what, name):
            return int(node.control.metric("floe_tier_%s_total" % what, tier=name))
        self.cache, self.origin = tier("hits", "cache"), tier("hits", "origin")
        self.mismatches = tier("mismatches", "cache")
        self.errors = tier("errors", "origin")

    def __str__(self):
        ordered = sorted(self.seconds)
        return "%d chunks from the cache, %d from MinIO; a file of 256 KB took %.0f ms in the middle, %.0f ms at most" % (
            self.cache, self.origin, 1e3 * ordered[len(ordered) // 2], 1e3 * ordered[-1])


def read_all(point, threads=4):
    """Every file, each compared with what it should be; seconds of each."""
    def one(path):
        begin = time.monotonic()
        with open(os.path.join(point, path), "rb") as source:
            data = source.read()
        return path, hashlib.sha256(data).hexdigest(), time.monotonic() - begin
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        read = list(pool.map(one, sorted(FILES)))
    wrong = [path for path, digest, _ in read if digest != WANTED[path]]
    equal(wrong, [], "files of wrong bytes")
    return [seconds for _, _, seconds in read]


def tell(what, counted):
    print("  %-22s %s" % (what, counted), flush=True)


def flushed(box):
    fleet = Fleet(box)
    first = fleet.warm()
    tell("empty cache:", first)
    equal(first.cache, 0, "chunks found in an empty cache")
    second = fleet.read()
    tell("warm cache:", second)
    equal((second.cache, second.origin), (first.origin, 0), "chunks from a warm cache, from MinIO")
    fleet.cache.flush()
    equal(fleet.cache.shards(), 0, "shards after flush_all")
    third = fleet.read()
    tell("after flush_all:", third)
    equal((third.cache, third.origin), (0, first.origin), "chunks from a flushed cache, from MinIO")


def flushed_under_readers(box):
    """flush_all of all servers again and again while four nodes read."""
    fleet = Fleet(box)
    fleet.warm()
    stop = threading.Event()

    def flush():
        while not stop.is_set():
            fleet.cache.flush()
    flusher = threading.Thread(target=flush)
    flusher.start()
    try:
        for _ in range(3):
            fleet.read(DEFAULT)
    finally:
        stop.set()
        flusher.join()


def one_server_dead(box):
    """Hits as before, and no chunk from MinIO: the fifth shard was made for this."""
    fleet = Fleet(box)
    first = fleet.warm()
    for what, act in (("killed", lambda server: server.kill()), ("cut off", lambda server: server.machine.cut())):
        fleet.cache.servers[2].restart()
        fleet.cache.servers[2].machine.mend()
        fleet.cache.flush()
        fleet.warm()
        act(fleet.cache.servers[2])
        counted = fleet.read()
        tell("one server %s:" % what, counted)
        equal((counted.cache, counted.origin), (first.origin, 0), "chunks from the cache, from MinIO, with one server " + what)
        fleet.cache.servers[2].machine.mend()


def all_servers_gone(box):
    """Killed (refused at once), cut off (packets vanish), frozen (connections open, no answer): the origin serves it all."""
    fleet = Fleet(box)
    first = fleet.warm()
    servers = fleet.cache.servers
    for what, act, undo in (("cut off", lambda s: s.machine.cut(), lambda s: s.machine.mend()),
                            ("frozen", lambda s: s.freeze(), lambda s: s.thaw()),
                            ("killed", lambda s: s.kill(), lambda s: s.restart())):
        for server in servers:
            act(server)
        counted = fleet.read(DEFAULT)
        tell("all %s:" % what, counted)
        equal((counted.cache, counted.origin), (0, first.origin), "chunks from the cache, from MinIO, with all servers " + what)
        for server in servers:
            undo(server)
    for server in servers:
        server.ready()


def lost_while_it_reads(box):
    """One node, warm cache: all servers vanish while it reads, without a word, and come back."""
    fleet = Fleet(box)
    fleet.warm()
    half = threading.Event()
    with fleet.node(DEFAULT) as (_, point):
        def lose():
            half.wait(60)
            for server in fleet.cache.servers:
                server.machine.cut()
        loser = threading.Thread(target=lose)
        loser.start()
        for number, path in enumerate(sorted(FILES)):
            if number == len(FILES) // 2:
                half.set()
                loser.join()
            with open(os.path.join(point, path), "rb") as source:
                equal(hashlib.sha256(source.read()).hexdigest(), WANTED[path], path)
    for server in fleet.cache.servers:
        server.machine.mend()
        server.ready()
    fleet.read(DEFAULT)


def poisoned(box):
    fleet = Fleet(box)
    first = fleet.warm()
    for what, act in (("of every form", poison.poison), ("all well-formed", lambda cache: poison.poison(cache, poison.well_formed)),
                      ("of another chunk", poison.swap)):
        shards = act(fleet.cache)
        check(shards >= 5 * first.origin * 0.95, "%d shards were poisoned of %d chunks", shards, first.origin)
        counted = fleet.read()
        tell("poison %s:" % what, counted)
        equal(counted.cache + counted.origin, first.origin, "chunks in all")
        equal(counted.errors, 0, "errors of the origin")
        check(counted.origin >= first.origin * 0.95, "%d of %d chunks came from MinIO", counted.origin, first.origin)
        check(what != "all well-formed" or counted.mismatches > 0, "nothing was counted as a mismatch")
        fleet.cache.flush()
        fleet.warm()


def one_shard_poisoned(box):
    """On one server everything is well-formed garbage: the other four shards serve every chunk, MinIO none."""
    fleet = Fleet(box)
    first = fleet.warm()
    with fleet.cache.servers[4].client() as client:
        for number, key in enumerate(key for key in client.keys() if poison.parts(key)):
            client.set(key, poison.noise(key, client.get(key), number))
    counted = fleet.read()
    tell("one server poisoned:", counted)
    equal((counted.cache, counted.origin), (first.origin, 0), "chunks from the cache, from MinIO")


def rolling_restart(box):
    """Every server loses all it has, one after the other, and keeps its name: each chunk loses one shard at a time, which the read that
    misses it puts back, so MinIO is asked for nothing at any time."""
    fleet = Fleet(box)
    first = fleet.warm()
    for server in fleet.cache.servers:
        server.restart()
        with fleet.node() as (node, point):
            read_all(point)
            counted = Counted(node)
            fleet.cache.filled(5 * first.origin)
        equal((counted.cache, counted.origin), (first.origin, 0), "chunks from the cache, from MinIO, after the restart of " + server.name)


def rolling_replacement(box):
    """Every server makes place for a new, empty one at another address, one after the other, while nodes read; floe learns of it from
    the servers' file, without a restart."""
    fleet = Fleet(box)
    first = fleet.warm()
    listed = box.path("servers")

    def tell_servers():
        with open(listed + ".new", "w") as out:
            out.write("".join(address + "\n" for address in fleet.cache.addresses()))
        os.chmod(listed + ".new", 0o644)
        os.rename(listed + ".new", listed)

    tell_servers()
    settings = '[cache]\nservers_file = "%s"\nrefresh = "100ms"\ncode = "4+1"\nmiss_decision = "%s"\n' % (listed, PATIENT)
    for step in range(len(fleet.cache.servers)):
        with fleet.node(settings=settings) as (node, point):
            old = fleet.cache.servers.pop(0)
            fleet.cache.add()
            old.kill()
            tell_servers()
            read_all(point)
            counted = Counted(node)
        print("  replaced %d of 6: %d chunks from the cache, %d from MinIO" % (step + 1, counted.cache, counted.origin), flush=True)
        equal(counted.errors, 0, "errors of the origin")
    last = fleet.read()
    tell("all six are new:", last)
    equal(last.cache + last.origin, first.origin, "chunks in all")


if __name__ == "__main__":
    main([flushed, flushed_under_readers, one_server_dead, all_servers_gone, lost_while_it_reads, poisoned, one_shard_poisoned,
          rolling_restart, rolling_replacement], network=True)
