# SPDX-License-Identifier: Apache-2.0
"""The real parts of a node, each in a sandbox: containerd 1.6 (Debian's) or 2.4 (built from Go modules) with its clients,
docker-registry, and floe's daemons."""
import contextlib
import glob
import json
import os
import re
import urllib.request

from sandbox import Failure, check, free_port, wait_until

SOURCE = os.environ.get("FLOE_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BIN = os.environ.get("FLOE_BIN") or os.path.join(SOURCE, "build/release/bin")
GO = os.environ.get("FLOE_GO") or os.path.join(SOURCE, "build/go")
IMAGES = os.environ.get("FLOE_IMAGES") or os.path.join(SOURCE, "build/images")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
VERSIONS = ("1.6", "2.4")


def need(path, how):
    check(os.path.exists(path), "%s is missing; %s", path, how)
    return path


def program(name):
    return need(os.path.join(BIN, name), "build it: ninja -C build/release " + name)


def may_raise_limits():
    """CAP_SYS_RESOURCE: without it nobody may lower an OOM score, and CRI has to be told."""
    with open("/proc/self/status") as status:
        return int(re.search(r"CapEff:\s*(\w+)", status.read()).group(1), 16) >> 24 & 1 == 1


def remove_cgroups(name):
    """Empty cgroups that runc made above its own; one that is in use stays."""
    for top in glob.glob("/sys/fs/cgroup/%s" % name) + glob.glob("/sys/fs/cgroup/*/%s" % name):
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


class Registry:
    """Debian's docker-registry on loopback without TLS. `requests()` is its access log: what really travelled."""

    def __init__(self, box, name="registry"):
        self.box, self.port = box, free_port()
        self.host = "127.0.0.1:%d" % self.port
        config = box.write(name + ".yml", json.dumps({
            "version": "0.1", "log": {"accesslog": {"disabled": False}, "level": "warn"},
            "storage": {"filesystem": {"rootdirectory": box.folder(name)}, "delete": {"enabled": True}},
            "http": {"addr": self.host}}))
        need("/usr/bin/docker-registry", "packaging/install-deps test")
        self.daemon = box.daemon(name, ["docker-registry", "serve", config])
        wait_until("registry answers", lambda: self.daemon.require_alive() and self.answers())

    def answers(self):
        try:
            with urllib.request.urlopen("http://%s/v2/" % self.host, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def ref(self, name):
        return "%s/%s" % (self.host, name)

    def push_layout(self, layout, name):
        """Copies an OCI layout's image `latest` with skopeo, which is no part of floe."""
        self.box.run(["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", "oci:%s:latest" % layout, "docker://" + self.ref(name)])
        return self.ref(name)

    def manifest(self, name):
        repository, tag = name.rsplit(":", 1)
        request = urllib.request.Request("http://%s/v2/%s/manifests/%s" % (self.host, repository, tag), headers={"Accept": ", ".join([
            "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
            "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json"])})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def layer_bytes(self, name):
        return sum(layer["size"] for layer in self.manifest(name)["layers"])


class Containerd:
    """One containerd with its own root, state, socket and PATH; `namespace` is containerd's."""

    def __init__(self, box, version, name="node", floe=None, snapshotter=None, pause=None):
        check(version in VERSIONS, "no containerd %s here", version)
        self.box, self.version, self.name, self.floe, self.pause = box, version, name, floe, pause
        self.snapshotter = snapshotter or ("floe" if floe else "overlayfs")
        self.dir = box.folder(name)
        self.socket = os.path.join(self.dir, "containerd.sock")
        self.root = os.path.join(self.dir, "root")
        self.namespace = "floe-e2e-%d" % free_port()
        tools = "/usr/bin" if version == "1.6" else os.path.join(GO, "containerd")
        self.program = need(os.path.join(tools, "containerd"), "run packaging/install-deps test and test/go/build")
        self.ctr_program = need(os.path.join(tools, "ctr"), "run packaging/install-deps test and test/go/build")
        self.env = {"PATH": SYSTEM_PATH if version == "1.6" else tools + ":" + SYSTEM_PATH}
        self.daemon = None
        self.start()
        box.undo.callback(self.end)

    def config(self):
        """What a node of a test needs of its own, and for floe the example that users get, with our socket and root."""
        version = "version = 2\n" if self.version == "1.6" else "version = 3\n"
        return version + self.own_config() + (self.shipped_config(version) if self.floe else "")

    def own_config(self):
        base = 'root = "%s"\nstate = "%s"\n[grpc]\n  address = "%s"\n[plugins."io.containerd.internal.v1.opt"]\n  path = "%s"\n' % (
            self.root, os.path.join(self.dir, "state"), self.socket, os.path.join(self.dir, "opt"))
        oom = "true" if not may_raise_limits() else "false"
        pause = self.pause or "floe.invalid/pause:1"
        if self.version == "1.6":
            return base + '[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "%s"\n  restrict_oom_score_adj = %s\n' % (pause, oom)
        return base + ('[plugins."io.containerd.cri.v1.images".pinned_images]\n  sandbox = "%s"\n'
                       '[plugins."io.containerd.cri.v1.runtime"]\n  restrict_oom_score_adj = %s\n'
                       '[plugins."io.containerd.nri.v1.nri"]\n  disable = true\n' % (pause, oom))

    def shipped_config(self, version):
        name = "containerd-1.6.toml" if self.version == "1.6" else "containerd-2.toml"
        with open(os.path.join(SOURCE, "packaging/config", name)) as example:
            text = example.read()
        ours = {version: "", "/run/floe/snapshotter.sock": self.floe.socket}
        if self.version != "1.6":
            ours['"/var/lib/floe"'] = '"%s"' % self.floe.root
        for theirs, our in ours.items():
            check(theirs in text, "%s has no %r", name, theirs)
            text = text.replace(theirs, our)
        return text

    def start(self):
        config = self.box.write(self.name + "/config.toml", self.config())
        if self.daemon is None:
            self.daemon = self.box.daemon(self.name + "-containerd", [self.program, "-c", config], self.env)
        else:
            self.daemon.start()
        wait_until("containerd answers", lambda: self.daemon.require_alive() and
                   self.box.status([self.ctr_program, "-a", self.socket, "version"], self.env) == 0)

    def restart(self):
        self.daemon.stop()
        self.start()

    def end(self):
        """Tasks and containers of our namespaces go first, so that no cgroup of theirs stays behind."""
        if not self.daemon.alive():
            return
        for namespace in (self.namespace, "k8s.io"):
            for task in self.ctr("tasks", "ls", "-q", namespace=namespace, code=None).split():
                self.ctr("tasks", "rm", "-f", task, namespace=namespace, code=None)
        self.daemon.stop()
        remove_cgroups(self.namespace)
        remove_cgroups("k8s.io")

    def ctr(self, *args, namespace=None, code=0):
        return self.box.run([self.ctr_program, "-a", self.socket, "-n", namespace or self.namespace] + list(args), self.env, code)

    def ctr_floe(self, converter, *args, code=0):
        """ctr-floe with a converter's store and keys."""
        return self.box.run([program("ctr-floe"), "-a", self.socket, "-n", self.namespace] + list(args), dict(self.env, **converter.env), code)

    def reaches_floe(self):
        """containerd dials a proxy plugin again only after a pause of up to three seconds, and answers with the old failure until then."""
        wait_until("containerd reaches floe-snapshotter", lambda: self.box.status(
            [self.ctr_program, "-a", self.socket, "-n", self.namespace, "snapshots", "--snapshotter", "floe", "ls"], self.env) == 0)

    def pull(self, ref, snapshotter=None):
        return self.ctr("images", "pull", "--plain-http", "--snapshotter", snapshotter or self.snapshotter, ref)

    def ctr_run(self, ref, *command, name, detach=False, code=0, snapshotter=None, options=()):
        flags = ["--snapshotter", snapshotter or self.snapshotter] + (["-d"] if detach else ["--rm"]) + list(options)
        return self.ctr("run", *flags, ref, name, *command, code=code)

    def nerdctl(self, *args, code=0, snapshotter=None, namespace=None, stdin=None):
        tool = need(os.path.join(GO, "nerdctl/nerdctl"), "run test/go/build")
        return self.box.run([tool, "--address", self.socket, "--namespace", namespace or self.namespace, "--snapshotter", snapshotter or self.snapshotter,
                             "--insecure-registry", "--data-root", os.path.join(self.dir, "nerdctl"), "--cni-netconfpath",
                             self.box.folder(self.name, "cni"), "--cni-path", self.box.folder(self.name, "cni-bin")] + list(args), self.env, code, stdin)

    def nerdctl_sees(self, ref, script):
        """What a shell in a new container prints, by way of a file: nerdctl run may lose the last of its output (its issue 3877)."""
        seen = self.box.folder(self.name, "seen")
        self.nerdctl("run", "--rm", "--net", "none", "-v", seen + ":/seen", ref, "sh", "-c", "(%s) >/seen/out" % script)
        with open(os.path.join(seen, "out")) as out:
            return out.read()

    def cri(self, *args, code=0):
        tool = need(os.path.join(GO, "cri/cri"), "run test/go/build")
        return self.box.run([tool, self.socket] + list(args), self.env, code)

    def snapshots(self, snapshotter=None, namespace=None):
        """Keys containerd itself knows."""
        lines = self.ctr("snapshots", "--snapshotter", snapshotter or self.snapshotter, "ls", namespace=namespace).splitlines()[1:]
        return sorted(line.split()[0] for line in lines if line.strip())

    def content(self, namespace=None):
        return self.ctr("content", "ls", "-q", namespace=namespace).split()

    def export_image(self, ref, archive):
        """ctr 2.x does not wait for the last bytes that the transfer service sends it, and may end with half an archive: --local."""
        self.ctr("images", "export", *(() if self.version == "1.6" else ("--local",)), archive, ref)

    def remove_image(self, *refs):
        self.ctr("images", "rm", "--sync", *refs)

    def has_log(self, words):
        return words in self.daemon.log()


def in_message(output, *words):
    for word in words:
        if word not in output:
            raise Failure("the message lacks %r: %s" % (word, output[-1500:]))
