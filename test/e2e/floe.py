# SPDX-License-Identifier: Apache-2.0
"""floe's own parts in a sandbox: a store with its keys (`Converter`), the daemons of a node (`Floe`), and both with a containerd
and a registry as one small world (`World`)."""
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import struct
import time

from fixtures import small_image
from nodes import Containerd, Registry, program
from sandbox import check, drop_page_cache, mounts_below, processes, wait_until


class Converter:
    """A store (a folder, where no address is given), a key directory, and `floe` with both. `env` is what the store's keys need."""

    def __init__(self, box, name="store", address=None, env=None):
        self.box = box
        self.folder = box.path(name)
        self.address = address or "folder:" + self.folder
        self.keys = box.path(name + "-keys")
        self.config = box.write(name + ".toml", '[store]\naddress = "%s"\n[keys]\ndirectory = "%s"\n' % (self.address, self.keys))
        self.env = dict(env or {}, FLOE_CONFIG=self.config)
        self.init()

    def init(self):
        self.floe("store", "init", self.address)

    def floe(self, *args, code=0):
        return self.box.run([program("floe")] + list(args), self.env, code)

    def json(self, *args):
        return json.loads(self.floe("--json", *args))

    def convert(self, source, target, *flags):
        return self.json("convert", "--plain-http", *flags, source, target)

    def stored_bytes(self):
        return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(self.folder) for name in names)

    def chunks(self):
        """Paths of all sealed chunks."""
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.folder) for name in names
                      if re.fullmatch(r"[0-9a-f]{64}", name) and "/c/" in folder)

    def chunk_bytes(self):
        return sum(os.path.getsize(path) for path in self.chunks())


class Counter:
    """The folder store as a node sees it: through a file system that counts. `hide` makes it unreachable."""

    def __init__(self, box, folder, name="counted"):
        self.box, self.source = box, folder
        self.folder = box.folder(name)
        self.address = "folder:" + self.folder
        self.counters = box.path(name + ".counters")
        self.hidden = False
        self.show()
        box.undo.callback(self.hide)

    def show(self):
        self.box.run([program("counting_fs"), self.source, self.folder, self.counters, "-o", "allow_other,default_permissions"])
        self.hidden = False

    def hide(self):
        if not self.hidden:
            self.box.run(["umount", "-l", self.folder])
            self.hidden = True

    def read(self):
        with open(self.counters, "rb") as counters:
            return struct.unpack("<QQQQ", counters.read(32))

    def bytes(self):
        return self.read()[0]

    def opens(self):
        return self.read()[2]

    def hold(self, on):
        """While held, whoever reads the store waits."""
        with open(self.counters, "r+b") as counters:
            counters.seek(24)
            counters.write(struct.pack("<Q", 1 if on else 0))


class Floe:
    """floe-snapshotter with its keeper and fusefs, every path of its own."""

    def __init__(self, box, converter, name="node", store=None, root=None, settings="", env=None):
        self.box, self.name, self.converter, self.env = box, name, converter, env
        self.dir = box.folder(name + "-floe")
        os.chmod(box.dir, 0o755)
        self.root = root or os.path.join(self.dir, "root")
        self.cache = os.path.join(self.dir, "cache")
        self.runtime = os.path.join(self.dir, "run")
        self.socket = os.path.join(self.runtime, "snapshotter.sock")
        self.metrics_socket = os.path.join(self.runtime, "metrics.sock")
        self.config = box.write(name + "-floe/floe.toml", self.defaults(store or converter.address) + settings)
        self.argv = [program("floe-snapshotter"), "--root", self.root, "--socket", self.socket, "--runtime-dir", self.runtime,
                     "--config", self.config, "--containerd", box.path(name, "containerd.sock")]
        self.daemon = None
        self.start()
        box.undo.callback(self.shutdown)

    def defaults(self, store):
        return ('[store]\naddress = "%s"\n[keys]\ndirectory = "%s"\n[fusefs]\ncache_dir = "%s"\nfree_share = 0.0\nmetrics = "%s"\n'
                % (store, self.converter.keys, self.cache, self.metrics_socket))

    def start(self):
        if self.daemon is None:
            self.daemon = self.box.daemon(self.name + "-floe-snapshotter", self.argv, self.env)
        else:
            self.daemon.start()
        wait_until("floe-snapshotter answers", lambda: self.daemon.require_alive() and os.path.exists(self.socket) and self.fusefs())

    def fusefs(self):
        """Pid of this node's floe-fusefs, or None."""
        mine = []
        for pid in processes("floe-fusefs"):
            with contextlib.suppress(OSError), open("/proc/%d/cmdline" % pid) as line:
                if self.runtime in line.read():
                    mine.append(pid)
        return mine[-1] if mine else None

    def kill_fusefs(self):
        """SIGKILL, and back when another process serves."""
        old = wait_until("floe-fusefs runs", self.fusefs)
        with contextlib.suppress(ProcessLookupError):
            os.kill(old, signal.SIGKILL)
        return wait_until("another floe-fusefs", lambda: self.fusefs() not in (None, old) and self.fusefs())

    def kill_without_restart(self):
        """SIGKILL of fusefs while no snapshotter lives that would start it again."""
        check(not self.daemon.alive(), "floe-snapshotter would start fusefs again")
        os.kill(self.fusefs(), signal.SIGKILL)
        wait_until("floe-fusefs is gone", lambda: self.fusefs() is None)

    def restart(self):
        """Stops the snapshotter in order and starts it again; fusefs and mounts run on."""
        self.daemon.stop()
        self.start()

    def shutdown(self):
        """Ends everything floe runs on this node."""
        self.daemon.stop()
        self.box.run([program("floe-snapshotter"), "shutdown"] + self.argv[1:], code=None)

    def restart_both(self):
        """Both daemons new, caches in memory gone; the keeper holds what containers need."""
        self.kill_fusefs()
        self.restart()

    def mounts(self):
        """EROFS mounts of this node, each an image."""
        return mounts_below(os.path.join(self.root, "mounts"))

    def metrics(self):
        """{name{labels}: value} of floe-fusefs, as Prometheus would read them."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.metrics_socket)
        connection.request("GET", "/metrics")
        values = {}
        for line in connection.getresponse().read().decode().splitlines():
            if line and not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                values[key] = float(value)
        connection.close()
        return values

    def quiet(self):
        """No request to the store is under way: what readahead still asked for when a container ended has arrived."""
        return all(value == 0 for key, value in self.metrics().items() if key.startswith("floe_store_requests_in_flight"))

    def fetched_bytes(self):
        """What floe itself says it fetched from the origin."""
        found = [value for key, value in self.metrics().items()
                 if key.startswith("floe_store_bytes_total{") and 'operation="get"' in key and 'store="origin"' in key]
        check(found, "no metric tells the bytes from the origin: %s", self.metrics())
        return sum(found)


class World:
    """A registry with an ordinary image `small:1`, a store, and one node on which floe is the snapshotter."""

    counted_within = 0.02  # floe's own metric of bytes fetched, and what was counted outside
    idle_bytes = 0         # what may be counted while nothing is fetched

    def __init__(self, box, version, layout=None, name="small", counted=False, pause=None, settings=""):
        self.box, self.version = box, version
        self.registry = Registry(box)
        self.converter = self.make_converter()
        self.layout = layout or small_image(box)
        self.ordinary = self.registry.push_layout(self.layout, name + ":1")
        self.counter = self.make_counter() if counted else None
        self.settings = settings
        self.pause = self.registry.push_layout(pause, "pause:1") if pause else None
        self.node, self.floe = self.add_node("node")

    def make_converter(self):
        return Converter(self.box)

    def make_counter(self):
        return Counter(self.box, self.converter.folder)

    def make_floe(self, name):
        return Floe(self.box, self.converter, name, self.counter.address if self.counter else None, settings=self.settings)

    def add_node(self, name):
        """Another machine: nothing of an image is there yet."""
        floe = self.make_floe(name)
        return Containerd(self.box, self.version, name, floe=floe, pause=self.pause), floe

    def converted(self, name="small:floe", *flags):
        """The ordinary image converted registry to registry; its reference."""
        self.report = self.converter.convert("docker://" + self.ordinary, "docker://" + self.registry.ref(name), *flags)
        return self.registry.ref(name)

    def cold(self):
        drop_page_cache()

    def fetched(self, floe=None):
        """Bytes read from the store so far, counted outside floe, once nothing of this node's is under way any more."""
        def settled():
            before = self.counter.bytes()
            time.sleep(0.2)  # not for the result: only so as not to ask all the time
            return (floe or self.floe).quiet() and self.counter.bytes() == before
        wait_until("requests to the store end", settled)
        return self.counter.bytes()

    def fetched_nothing(self, since, what):
        """`since`: what fetched() said before."""
        more = self.fetched() - since
        check(more <= self.idle_bytes, "%s: %d bytes were fetched", what, more)

    def nothing_pinned(self, floe=None, node=None):
        """After images and containers are gone: containerd knows no snapshot, and floe holds no mount and no image."""
        floe, node = floe or self.floe, node or self.node
        wait_until("containerd's snapshots are collected", lambda: not node.snapshots())
        wait_until("no mount is left, but there is " + " ".join(floe.mounts()), lambda: not floe.mounts())
        left = os.listdir(os.path.join(floe.root, "snapshots")) if os.path.isdir(os.path.join(floe.root, "snapshots")) else []
        wait_until("snapshot folders are gone: " + " ".join(left), lambda: not os.listdir(os.path.join(floe.root, "snapshots")))
        wait_until("manifests are gone", lambda: not os.listdir(os.path.join(floe.root, "manifests")))
