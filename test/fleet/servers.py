# SPDX-License-Identifier: Apache-2.0
"""The real servers of a fleet: MinIO with users and policies, memcached, and toxiproxy for latency. Each runs on a machine of
network.py, or beside the test where none is named."""
import http.client
import json
import os
import secrets
import signal

from memcache import Memcache
from network import HERE
from nodes import GO, SOURCE, need
from s3 import S3, Keys
from sandbox import check, wait_until

POLICIES = os.path.join(SOURCE, "packaging/policies")


def start(box, name, argv, machine, env=None):
    return box.daemon(name, machine.inside(argv) if machine else argv, env)


def where(machine):
    return machine.ip if machine else HERE


class Bucket:
    """An S3 server with one bucket. `root` is an S3 client that may everything there."""

    BUCKET = "floe-test"

    def __init__(self, box, machine, name, port):
        self.box, self.bucket, self.name, self.machine = box, self.BUCKET, name, machine
        self.endpoint = "%s:%d" % (where(machine), port)
        self.root = S3(self.endpoint, Keys("root-" + secrets.token_hex(4), secrets.token_hex(16)))

    def serve(self, argv, env):
        self.daemon = start(self.box, self.name, argv, self.machine, env)
        self.ready()
        answer = self.root.make_bucket(self.bucket)
        check(answer.status == 200, "make the bucket: %r", answer)

    def ready(self):
        def answers():
            try:
                return self.root.request("GET", "/").status == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_until(self.name + " answers", lambda: self.daemon.require_alive() and answers())

    def address(self, prefix="", **options):
        """What floe takes as a store's address; the keys come from elsewhere."""
        query = dict({"endpoint": "http://" + self.endpoint, "region": "us-east-1", "style": "path"}, **options)
        return "s3://%s%s?%s" % (self.bucket, "/" + prefix if prefix else "", "&".join("%s=%s" % pair for pair in query.items()))


class Versity(Bucket):
    """versitygw over a folder: another implementation of S3 than MinIO's, with conditional puts too."""

    def __init__(self, box, machine=None, name="versitygw", port=7070):
        super().__init__(box, machine, name, port)
        program = need(os.path.join(GO, "versitygw/versitygw"), "run test/go/build")
        env = {"ROOT_ACCESS_KEY": self.root.keys.access, "ROOT_SECRET_KEY": self.root.keys.secret}
        self.serve([program, "--quiet", "--port", self.endpoint, "posix", box.folder(name)], env)


class Minio(Bucket):
    """MinIO, with users and policies."""

    def __init__(self, box, machine=None, name="minio", port=9000):
        super().__init__(box, machine, name, port)
        self.roles = {}
        tools = os.path.join(GO, "minio")
        self.admin_program = need(os.path.join(tools, "minio-admin"), "run test/go/build")
        self.env = {"MINIO_ROOT_USER": self.root.keys.access, "MINIO_ROOT_PASSWORD": self.root.keys.secret, "MINIO_BROWSER": "off",
                    "MINIO_UPDATE": "off", "HOME": box.folder(name + "-home")}
        program = need(os.path.join(tools, "minio"), "run test/go/build")
        self.serve([program, "server", "--quiet", "--address", self.endpoint, box.folder(name)], self.env)

    def admin(self, *args):
        return self.box.run([self.admin_program, self.endpoint] + list(args), self.env)

    def policy(self, name, text):
        """Adds or replaces a policy."""
        self.admin("policy", name, self.box.write("policies/%s.json" % name, text))
        return name

    def user(self, policy, name=None):
        """A new user who has this policy; its S3 client."""
        keys = Keys(name or "%s-%s" % (policy, secrets.token_hex(4)), secrets.token_hex(16))
        argv = [self.admin_program, self.endpoint, "user", keys.access, keys.secret, policy]
        # A server that has just started reads its users and policies again behind our back, and may miss a new one meanwhile.
        wait_until("MinIO makes the user " + keys.access, lambda: self.box.status(argv, self.env) == 0)
        return S3(self.endpoint, keys)

    def role(self, role, prefix):
        """A new user who has a role of packaging/policies for the store at `prefix` of the bucket."""
        if (role, prefix) not in self.roles:
            self.roles[role, prefix] = self.policy("%s-%d" % (role, len(self.roles)), policy_text(role, self.bucket, prefix))
        return self.user(self.roles[role, prefix])

    def end_temporary_keys(self, client):
        """Those made from this user's keys, as if their time had come."""
        self.admin("revoke", client.keys.access)

    def disable(self, client):
        """From now on its keys, and temporary ones made from them, are refused."""
        self.admin("disable", client.keys.access)


def policy_text(role, bucket, prefix):
    """A policy as shipped, its two placeholders replaced as doc/s3.md says."""
    with open(os.path.join(POLICIES, role + ".json")) as policy:
        return policy.read().replace("BUCKET", bucket).replace("PREFIX/", prefix + "/" if prefix else "")


class Memcached:
    """One memcached server: a shard server of the shared cache."""

    def __init__(self, box, machine=None, name="memcached", port=11211, megabytes=256, options=()):
        self.box, self.machine, self.name = box, machine, name
        self.ip, self.port = where(machine), port
        self.argv = [need("/usr/bin/memcached", "packaging/install-deps test"), "-u", "nobody", "-U", "0", "-l", self.ip, "-p", str(port), "-m", str(megabytes),
                     "-t", "1", "-c", "512", "-I", "2m"] + list(options)
        self.daemon = start(box, name, self.argv, machine)
        self.ready()

    @property
    def address(self):
        return "%s:%d" % (self.ip, self.port)

    def ready(self):
        wait_until(self.name + " answers", lambda: self.daemon.require_alive() and self.answers())

    def answers(self):
        try:
            with self.client() as client:
                return client.ask("mn") == "MN"
        except OSError:
            return False

    def client(self):
        return Memcache(self.ip, self.port)

    def kill(self):
        self.daemon.kill()

    def restart(self):
        """Another process at the same address; what it held is gone."""
        self.daemon.kill()
        self.daemon.start()
        self.ready()

    def freeze(self):
        """It takes connections and requests and never answers."""
        os.kill(self.daemon.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.daemon.process.pid, signal.SIGCONT)

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.daemon.process.pid) as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Toxiproxy:
    """A proxy on each of some ports of one machine, with latency and other poisons of Shopify's toxiproxy."""

    def __init__(self, box, machine=None, name="toxiproxy", port=8474):
        self.machine, self.ip, self.port = machine, where(machine), port
        program = need(os.path.join(GO, "toxiproxy/server"), "run test/go/build")
        self.daemon = start(box, name, [program, "-host", self.ip, "-port", str(port)], machine, {"LOG_LEVEL": "error"})
        wait_until("toxiproxy answers", lambda: self.daemon.require_alive() and self.answers())

    def answers(self):
        try:
            return self.call("GET", "/version") is not None
        except OSError:
            return False

    def call(self, method, path, document=None):
        connection = http.client.HTTPConnection(self.ip, self.port, timeout=30)
        try:
            connection.request(method, path, json.dumps(document) if document is not None else None, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
            check(answer.status < 300, "toxiproxy %s %s: %d %s", method, path, answer.status, text)
            return json.loads(text) if text else {}
        finally:
            connection.close()

    def proxy(self, name, port, upstream):
        """Listens on `port` of this machine and passes all on to `upstream`; returns the address to use instead."""
        listen = "%s:%d" % (self.ip, port)
        self.call("POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream, "enabled": True})
        return listen

    def poison(self, name, kind, stream="downstream", **attributes):
        """Adds a toxic (latency, bandwidth, slicer, reset_peer, limit_data, ...), of which there is one of a kind and direction."""
        self.call("POST", "/proxies/%s/toxics" % name, {"name": kind + "-" + stream, "type": kind, "stream": stream, "attributes": attributes})

    def heal(self, name):
        """Takes all poisons away."""
        for toxic in self.call("GET", "/proxies/" + name)["toxics"]:
            self.call("DELETE", "/proxies/%s/toxics/%s" % (name, toxic["name"]))
