#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: [serial] [timeout=300]
"""Sources and destinations against real counterparts: Debian's registry (plain, password, TLS, mirror), skopeo as
the judge of layouts and archives, containerd 1.6.20 with garbage collection. Images are copied unchanged by image_copy."""
import contextlib
import crypt
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import containerd16  # noqa: E402
import oci_layout  # noqa: E402

COPY = os.path.join(os.environ.get("FLOE_BIN", "build/debug/bin"), "image_copy")
IMAGE = "app/one"


def run(*command, ok=True, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if ok and result.returncode != 0:
        raise AssertionError("%s: %s" % (" ".join(command)[:300], result.stderr.strip()[-800:]))
    return result


def copy(source, destination, *settings):
    """The digest of what was copied."""
    return run(COPY, source, destination, *settings).stdout.strip()


def refused(word, source, destination, *settings):
    result = run(COPY, source, destination, *settings, ok=False)
    assert result.returncode == 1 and word in result.stderr, (word, result.returncode, result.stderr)
    return result.stderr


def tar_of(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def make_layout(folder):
    layout = os.path.join(folder, "made")
    layers = [tar_of({"etc/hostname": b"one\n", "data": os.urandom(3 << 20)}), tar_of({"etc/issue": b"two\n"}), tar_of({"last": os.urandom(100)})]
    oci_layout.write(layout, layers, "t", ("gzip", "zstd", "none"))
    return layout


def digest_in(layout, tag="t"):
    for entry in oci_layout.read_json(os.path.join(layout, "index.json"))["manifests"]:
        if entry.get("annotations", {}).get(oci_layout.REF_NAME) == tag:
            return entry["digest"]
    raise AssertionError("%s has no %s" % (layout, tag))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def registry(folder, name, tls=None, user=None, clients=None):
    """Debian's docker-registry; gives its host:port and the file of its log."""
    port, home = free_port(), os.path.join(folder, name)
    os.makedirs(home)
    config = {"version": "0.1", "log": {"accesslog": {"disabled": False}},
              "storage": {"filesystem": {"rootdirectory": home}, "delete": {"enabled": True}}, "http": {"addr": "127.0.0.1:%d" % port}}
    if tls:
        config["http"]["tls"] = {"certificate": tls[0], "key": tls[1]}
    if clients:
        config["http"]["tls"]["clientcas"] = [clients]
    if user:
        with open(os.path.join(home, "htpasswd"), "w") as out:
            out.write("%s:%s\n" % (user[0], crypt.crypt(user[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << 4))))
        config["auth"] = {"htpasswd": {"realm": "floe", "path": os.path.join(home, "htpasswd")}}
    path, log = os.path.join(home, "config.json"), os.path.join(home, "log")
    with open(path, "w") as out:
        json.dump(config, out)  # JSON is YAML
    with open(log, "w") as out:
        process = subprocess.Popen(["docker-registry", "serve", path], stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None and time.monotonic() < deadline, open(log).read()[-500:]
            time.sleep(0.05)
        yield "127.0.0.1:%d" % port, log
    finally:
        process.terminate()
        process.wait(30)


def test_layouts_and_archives(folder, layout):
    digest = digest_in(layout)
    oci, archive, back = (os.path.join(folder, name) for name in ("oci", "oci.tar", "back"))
    assert copy("oci:%s:t" % layout, "oci:%s:copy" % oci) == digest
    assert copy("oci:%s" % oci, "oci-archive:%s:v1" % archive) == digest
    assert copy("oci-archive:%s:v1" % archive, "oci:%s:again" % back) == digest
    # skopeo reads what we wrote, to the last layer, and we read what it wrote.
    for source in ("oci:%s:copy" % oci, "oci-archive:%s:v1" % archive):
        assert json.loads(run("skopeo", "inspect", source).stdout)["Digest"] == digest
        target = os.path.join(folder, "skopeo")
        run("skopeo", "copy", "-q", "--preserve-digests", source, "oci:%s:t" % target)
        assert copy("oci:%s:t" % target, "oci:%s:skopeo" % back) == digest
        shutil.rmtree(target)
    theirs = os.path.join(folder, "theirs.tar")
    run("skopeo", "copy", "-q", "--preserve-digests", "oci:%s:t" % layout, "oci-archive:%s:x" % theirs)
    assert copy("oci-archive:%s:x" % theirs, "oci:%s:archive" % back) == digest


def test_docker_archives(folder, layout):
    ours, theirs, out = (os.path.join(folder, name) for name in ("docker.tar", "docker-theirs.tar", "from-docker"))
    copy("oci:%s:t" % layout, "docker-archive:%s:example.test/a:1" % ours)
    inspected = json.loads(run("skopeo", "inspect", "docker-archive:%s:example.test/a:1" % ours).stdout)
    diff_ids = oci_layout.read_json(oci_layout.blob_path(layout, oci_layout.manifest(layout, "t")["config"]["digest"]))["rootfs"]["diff_ids"]
    assert inspected["Layers"] == diff_ids, (inspected["Layers"], diff_ids)
    run("skopeo", "copy", "-q", "docker-archive:%s:example.test/a:1" % ours, "oci:%s:skopeo" % out)
    # (skopeo converts no zstd layers for such archives, but reads ours.)
    run("skopeo", "copy", "-q", "oci:%s:skopeo" % out, "docker-archive:%s:example.test/a:1" % theirs)
    copy("docker-archive:%s" % theirs, "oci:%s:t" % out)
    manifest = oci_layout.manifest(out, "t")
    assert [layer["digest"] for layer in manifest["layers"]] == diff_ids
    subprocess.run(["gzip", "-k", theirs], check=True)
    copy("docker-archive:%s.gz:example.test/a:1" % theirs, "oci:%s:zipped" % out)
    refused("there are: example.test/a:1", "docker-archive:%s:other" % theirs, "oci:%s:x" % out)


def test_registry_plain(folder, layout):
    digest = digest_in(layout)
    with registry(folder, "plain") as (host, log):
        assert copy("oci:%s:t" % layout, "docker://%s/%s:v1" % (host, IMAGE)) == digest
        inspected = json.loads(run("skopeo", "inspect", "--tls-verify=false", "docker://%s/%s:v1" % (host, IMAGE)).stdout)
        assert inspected["Digest"] == digest
        back = os.path.join(folder, "pulled")
        assert copy("docker://%s/%s:v1" % (host, IMAGE), "oci:%s:t" % back) == digest
        assert copy("docker://%s/%s@%s" % (host, IMAGE, digest), "oci:%s:d" % back, "plain_http") == digest
        # To another repository of the same registry: blobs are mounted, none is sent.
        assert copy("docker://%s/%s:v1" % (host, IMAGE), "docker://%s/app/two:v1" % host, "mount") == digest
        uploads = [line for line in open(log) if '"PATCH /v2/app/two' in line or ('"PUT /v2/app/two/blobs' in line)]
        mounts = [line for line in open(log) if '"POST /v2/app/two/blobs/uploads/?mount=' in line and " 201 " in line]
        assert not uploads and len(mounts) == 4, (uploads, mounts)
        refused("MANIFEST_UNKNOWN", "docker://%s/%s:none" % (host, IMAGE), "oci:%s:x" % back)
        refused("is no tag", "docker://%s/%s:-" % (host, IMAGE), "oci:%s:x" % back)


def test_registry_password(folder, layout):
    with registry(folder, "password", user=("ann", "s3cret:pw")) as (host, _):
        image, config = "docker://%s/%s:v1" % (host, IMAGE), os.path.join(folder, "docker")
        os.makedirs(config)
        refused("without credentials", "oci:%s:t" % layout, image, "docker_config=" + config)
        run("skopeo", "login", "--tls-verify=false", "--authfile", os.path.join(config, "config.json"), "-u", "ann", "--password-stdin", host, input="s3cret:pw")
        assert copy("oci:%s:t" % layout, image, "docker_config=" + config) == digest_in(layout)
        with open(os.path.join(config, "config.json"), "w") as out:
            json.dump({"auths": {host: {"username": "ann", "password": "wr0ng"}}}, out)
        assert "wr0ng" not in refused('user "ann"', image, "oci:%s/x:x" % folder, "docker_config=" + config)


def make_certificates(folder):
    """An authority, a server certificate by it, and the files' names."""
    def name(file):
        return os.path.join(folder, file)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=floe test authority",
        "-keyout", name("ca.key"), "-out", name("ca.pem"))
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=registry", "-keyout", name("server.key"), "-out", name("server.csr"))
    with open(name("ext"), "w") as out:
        out.write("subjectAltName=DNS:registry.floe.test,IP:127.0.0.1\n")
    run("openssl", "x509", "-req", "-in", name("server.csr"), "-CA", name("ca.pem"), "-CAkey", name("ca.key"), "-CAcreateserial", "-days", "2",
        "-extfile", name("ext"), "-out", name("server.pem"))
    return name("ca.pem"), (name("server.pem"), name("server.key"))


def test_registry_tls_and_mirror(folder, layout):
    digest, out = digest_in(layout), os.path.join(folder, "tls-out")
    authority, server = make_certificates(folder)
    hosts = os.path.join(folder, "certs.d")
    with registry(folder, "tls", tls=server) as (host, log):
        # A registry under a name that is not localhost, reached through the mirror that hosts.toml gives for it.
        def configure(text):
            os.makedirs(os.path.join(hosts, "registry.floe.test"), exist_ok=True)
            with open(os.path.join(hosts, "registry.floe.test", "hosts.toml"), "w") as out:
                out.write(text)
        configure('server = "https://%s"\n' % host)
        image = "docker://registry.floe.test/%s:v1" % IMAGE
        refused("--ca", "oci:%s:t" % layout, image, "hosts=" + hosts)
        assert copy("oci:%s:t" % layout, image, "hosts=" + hosts, "ca=" + authority) == digest
        assert copy(image, "oci:%s:t" % out, "hosts=" + hosts, "skip_verify") == digest
        shutil.copy(authority, os.path.join(hosts, "registry.floe.test", "ca.pem"))
        configure('server = "https://127.0.0.1:1"\n[host."https://%s"]\n  capabilities = ["pull", "resolve"]\n  ca = "ca.pem"\n' % host)
        assert copy(image, "oci:%s:mirror" % out, "hosts=" + hosts) == digest
        assert any("ns=registry.floe.test" in line for line in open(log))
        refused("mirrors tried before", image.replace(":v1", ":none"), "oci:%s:x" % out, "hosts=" + hosts)
        # localhost is tried with https first, whatever its certificate says.
        assert copy("docker://%s/%s:v1" % (host, IMAGE), "oci:%s:local" % out) == digest


def test_registry_client_certificate(folder, layout):
    authority, server = make_certificates(folder)
    with registry(folder, "mutual", tls=server, clients=authority) as (host, _):
        hosts, image = os.path.join(folder, "certs.d"), "docker://registry.floe.test/%s:v1" % IMAGE
        place = os.path.join(hosts, "registry.floe.test")
        os.makedirs(place)

        def configure(more):
            with open(os.path.join(place, "hosts.toml"), "w") as out:
                out.write('server = "https://%s"\nca = "%s"\n%s' % (host, authority, more))
        configure("")
        assert run(COPY, "oci:%s:t" % layout, image, "hosts=" + hosts, ok=False).returncode == 1
        # Any certificate by the authority will do: here the server's own.
        assert copy("oci:%s:t" % layout, image, "hosts=" + hosts, "cert=" + server[0], "key=" + server[1]) == digest_in(layout)
        configure('client = [["%s", "%s"]]\n' % server)
        assert copy(image, "oci:%s/out:t" % folder, "hosts=" + hosts) == digest_in(layout)
        refused("none.pem", image, "oci:%s/out:x" % folder, "hosts=" + hosts, "ca=%s/none.pem" % folder)


def test_containerd(folder, layout):
    digest, home = digest_in(layout), os.path.join(folder, "containerd")
    refused("is it running", "oci:%s:t" % layout, "containerd://x", "address=%s/none.sock" % folder)
    os.makedirs(home)
    with containerd16.Containerd(home, False) as daemon:
        settings = ("address=" + daemon.socket, "namespace=floe-test")
        name = "docker.io/library/one:v1"
        assert copy("oci:%s:t" % layout, "containerd://" + name, *settings) == digest

        def ctr(*arguments):
            return daemon.ctr("-n", "floe-test", *arguments)
        assert "complete (4/4)" in ctr("images", "check"), ctr("images", "check")
        assert ctr("leases", "ls", "-q").strip() == ""
        # A collection takes nothing of it.
        ctr("images", "tag", name, "tagged")
        ctr("images", "rm", "--sync", "tagged")
        assert "complete (4/4)" in ctr("images", "check"), ctr("images", "check") + ctr("content", "ls")
        manifest = oci_layout.manifest(layout, "t")
        diff_ids = oci_layout.read_json(oci_layout.blob_path(layout, manifest["config"]["digest"]))["rootfs"]["diff_ids"]
        listing = ctr("content", "ls")
        for diff_id in diff_ids:
            assert "containerd.io/uncompressed=" + diff_id in listing, listing
        back = os.path.join(folder, "from-containerd")
        assert copy("containerd://one:v1", "oci:%s:t" % back, *settings) == digest
        # The same again, into another namespace that shares the blobs, and over an image that has labels.
        assert copy("containerd://" + name, "containerd://two", *settings) == digest
        assert copy("oci:%s:t" % layout, "containerd://" + name, "address=" + daemon.socket, "namespace=other") == digest
        assert "complete (4/4)" in daemon.ctr("-n", "other", "images", "check")
        ctr("images", "label", name, "mine=1")
        assert copy("oci:%s:t" % layout, "containerd://" + name, *settings) == digest
        assert "mine=1" in ctr("images", "ls")
        # What ctr imported reads too.
        archive = os.path.join(folder, "import.tar")
        run("skopeo", "copy", "-q", "--preserve-digests", "oci:%s:t" % layout, "oci-archive:%s:x" % archive)
        ctr("images", "import", "--no-unpack", "--base-name", "imported", archive)
        assert copy("containerd://imported:x", "oci:%s:imported" % back, *settings) == digest
        refused("no such image in namespace", "containerd://none", "oci:%s:x" % back, *settings)
        # After removal and collection nothing is left.
        for image in ctr("images", "ls", "-q").split():
            ctr("images", "rm", "--sync", image)
        assert ctr("content", "ls", "-q").strip() == ""


def main():
    with tempfile.TemporaryDirectory(prefix="floe-sources-") as folder:
        layout = make_layout(folder)
        for name, test in sorted(globals().items()):
            if not name.startswith("test_"):
                continue
            place = os.path.join(folder, name)
            os.makedirs(place)
            test(place, layout)
            print("ok   " + name, flush=True)


if __name__ == "__main__":
    main()
