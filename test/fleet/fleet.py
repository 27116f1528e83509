# SPDX-License-Identifier: Apache-2.0
"""A fleet on one machine: chunks in MinIO, six memcached servers as the shared cache, each in a network namespace behind a link of its
own rate, and nodes with floe. Converters and nodes have the rights of packaging/policies and no more."""
import os
import sys

import poison
from floe import Converter, Floe, World
from network import Network
from nodes import SOURCE
from sandbox import check, wait_until
from servers import Memcached, Minio

sys.path.insert(0, os.path.join(SOURCE, "test/fault"))

PREFIX = "stores/fleet"
CACHE_SERVERS = 6
RATE = "2gbit"
# How long a reader waits for shards before it asks the origin. Tests whose counters must not depend on how busy this machine is give
# the servers all the time they want; where servers are gone, floe's own default holds.
PATIENT, DEFAULT = "3s", None


class S3Converter(Converter):
    """A converter with a store in a bucket. `init` wants the collector's rights, once; then the converter's do."""

    def __init__(self, box, bucket, name="store", prefix=PREFIX):
        self.bucket, self.prefix = bucket, prefix
        address = bucket.address(prefix, credentials="environment")
        super().__init__(box, name, address, self.rights("converter"))

    def rights(self, role):
        """The environment of a program that acts in this role. A server without roles has but one user."""
        roles = getattr(self.bucket, "role", None)
        client = roles(role, self.prefix) if roles else self.bucket.root
        return client.keys.environment()

    def init(self):
        converter, self.env = self.env, dict(self.env, **self.rights("collector"))
        self.floe("store", "init", self.address)
        self.env = converter

    def objects(self, part=""):
        """{name in the store: size}."""
        names = self.bucket.root.names(self.bucket.bucket, self.prefix + "/" + part)
        return {name[len(self.prefix) + 1:]: size for name, size in names.items()}

    def chunks(self):
        return sorted(name for name in self.objects("r/") if "/c/" in name)

    def chunk_bytes(self):
        return sum(size for name, size in self.objects("r/").items() if "/c/" in name)

    def stored_bytes(self):
        return sum(self.objects().values())


class Links:
    """What a node could fetch, as the links saw it: bytes that these machines sent, with all headers."""

    def __init__(self, *machines):
        self.machines, self.address = machines, None

    def bytes(self):
        return sum(machine.sent() for machine in self.machines)

    def hide(self):
        for machine in self.machines:
            machine.cut()


class Cache:
    """The servers of a shared cache."""

    def __init__(self, box, net, count=CACHE_SERVERS, rate=RATE):
        self.box, self.net, self.rate = box, net, rate
        self.made = 0
        self.servers = []
        for _ in range(count):
            self.add()

    def add(self):
        name = "cache%d" % self.made
        self.made += 1
        self.servers.append(Memcached(self.box, self.net.machine(name, self.rate), name))
        return self.servers[-1]

    def addresses(self):
        return [server.address for server in self.servers]

    def settings(self, decision=PATIENT, code="4+1"):
        """What floe.toml says of it."""
        wait = 'miss_decision = "%s"\n' % decision if decision else ""
        return '[cache]\nservers = [%s]\ncode = "%s"\n%s' % (", ".join('"%s"' % address for address in self.addresses()), code, wait)

    def each(self, act):
        """act(client) on each server that lives."""
        found = []
        for server in self.servers:
            with server.client() as client:
                found.append(act(client))
        return found

    def shards(self):
        """How many there are; a lease is another item."""
        return sum(self.each(lambda client: sum(poison.parts(key) is not None for key in client.keys())))

    def flush(self):
        self.each(lambda client: client.flush())

    def filled(self, shards):
        """Fills go on behind the readers: waits until this many shards are there."""
        wait_until("%d shards are in the cache" % shards, lambda: self.shards() >= shards)


class FleetWorld(World):
    """World on a fleet: everything a node fetches comes through links."""

    counted_within = 0.10   # Ethernet, IP, TCP and HTTP have headers
    idle_bytes = 64 * 1024  # and hosts ask for addresses, and keep connections alive

    def __init__(self, box, version, **options):
        self.net = Network(box)
        self.minio = Minio(box, self.net.machine("minio", RATE))
        self.cache = Cache(box, self.net)
        options["settings"] = self.cache.settings() + options.get("settings", "")
        super().__init__(box, version, **options)

    def make_converter(self):
        return S3Converter(self.box, self.minio)

    def make_counter(self):
        return Links(self.minio.machine, *(server.machine for server in self.cache.servers))

    def make_floe(self, name):
        return Floe(self.box, self.converter, name, settings=self.settings, env=self.converter.rights("node"))

    def origin_gets(self, floe=None):
        return metric((floe or self.floe).metrics(), "floe_tier_requests_total", tier="origin")


def metric(values, name, **labels):
    """The sum of all series of this name with these labels, of what Floe.metrics() gives."""
    found = [value for key, value in values.items() if key.split("{")[0] == name and all('%s="%s"' % pair in key for pair in labels.items())]
    check(found, "no metric %s %s among: %s", name, labels, " ".join(sorted(key for key in values if key.startswith(name[:10]))))
    return sum(found)
