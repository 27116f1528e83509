#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300 cost=20
"""The active root is retired while an image is converted. A registry of a few lines stops in the middle of the layer until that has
happened; the collector's part (two entries of the log, doc/store.md) is played by hand.

usage: retired_root_test.py [TEST...]      (programs from $FLOE_BIN)
"""
import contextlib
import glob
import http.server
import json
import os
import re
import secrets
import tarfile
import threading
import time

from floe_box import check, equal, main, noise, oci_layout, tar


class StallingRegistry(http.server.ThreadingHTTPServer):
    """Serves one OCI layout as image:1. Half of the largest blob is sent, then nothing until `go_on` is set."""
    daemon_threads = True

    def __init__(self, layout):
        super().__init__(("127.0.0.1", 0), Handler)
        self.layout, self.reached, self.go_on = layout, threading.Event(), threading.Event()
        blobs = glob.glob(os.path.join(layout, "blobs/sha256/*"))
        self.largest = max(blobs, key=os.path.getsize)
        self.host = "127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        self.go_on.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        registry, media_type = self.server, "application/octet-stream"
        path = None
        if self.path in ("/v2/", "/v2"):
            return self.send(b"{}", "application/json", body)
        blob = re.fullmatch(r"/v2/image/(blobs|manifests)/(sha256:[0-9a-f]{64}|1)", self.path)
        if blob:
            digest = blob.group(2)
            if digest == "1":
                digest = oci_layout.read_json(os.path.join(registry.layout, "index.json"))["manifests"][0]["digest"]
            path = oci_layout.blob_path(registry.layout, digest)
            if blob.group(1) == "manifests":
                media_type = oci_layout.MANIFEST
        if path is None or not os.path.exists(path):
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        with open(path, "rb") as source:
            return self.send(source.read(), media_type, body, path == registry.largest)

    def send(self, data, media_type, body, stall=False):
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not body:
            return
        middle = len(data) // 2 if stall else len(data)
        self.wfile.write(data[:middle])
        if stall:
            self.wfile.flush()
            self.server.reached.set()
            self.server.go_on.wait()
            self.wfile.write(data[middle:])


def roots_of(box):
    """{root: state} after the whole log."""
    states = {}
    for path in sorted(glob.glob(os.path.join(box.store, "log/*"))):
        with open(path) as entry:
            for change in json.load(entry)["roots"]:
                states[change["root"]] = change["state"]
    return states


def retire(box, seconds_ago):
    """What a collector appends: the active root retired, that long ago, and a new one active. Gives (old, new)."""
    old, = [root for root, state in roots_of(box).items() if state == "active"]
    new, seq = secrets.token_hex(16), len(os.listdir(os.path.join(box.store, "log"))) + 1
    entry = {"seq": seq, "time": int(time.time() - seconds_ago),
             "roots": [{"root": old, "state": "retired"}, {"root": new, "state": "active"}]}
    path = os.path.join(box.store, "log/%010d" % seq)
    with open(path + ".new", "w") as out:
        json.dump(entry, out)
    os.rename(path + ".new", path)
    return old, new


def records(box, root):
    return sorted(os.listdir(os.path.join(box.store, "r", root, "m"))) if os.path.isdir(os.path.join(box.store, "r", root, "m")) else []


def converted_meanwhile(box, seconds_ago):
    """Converts from the stalling registry; the root is retired in the middle. Gives (old root, new root, target)."""
    box.init()
    layout = box.layout("src", tar(("bin", None), ("bin/tool", noise(3_000_000, 31)), ("etc", None), ("etc/name", b"floe\n")))
    registry = StallingRegistry(layout)
    box.undo.callback(registry.end)
    target = box.path("lazy")
    process = box.start("convert", "--plain-http", "docker://%s/image:1" % registry.host, "oci:" + target)
    box.undo.callback(process.wait)
    box.undo.callback(lambda: process.poll() is None and process.kill())
    check(registry.reached.wait(120), "the layer was never asked for")
    old, new = retire(box, seconds_ago)
    registry.go_on.set()
    _, err = process.communicate(timeout=200)
    equal(process.returncode, 0, "the conversion's exit code, saying " + err)
    return old, new, target


def whole(box, target):
    """The store is sound and the image in it complete."""
    box.floe("store", "check", "--deep")
    back = box.path("back")
    box.floe("export", "oci:" + target, "oci:" + back)
    with contextlib.closing(open_layers(back)) as layers:
        equal(layers.extractfile("bin/tool").read(), noise(3_000_000, 31), "the file after conversion and export")


def open_layers(layout):
    return tarfile.open(oci_layout.layer_paths(layout)[-1])


def retired_within_its_grace(box):
    """The record goes to the retired root, from which live images are still migrated."""
    old, new, target = converted_meanwhile(box, 60)
    equal((len(records(box, old)), records(box, new)), (1, []), "records in the old and the new root")
    whole(box, target)


def retired_longer_than_its_grace(box):
    """What is put there now would be migrated by nobody: the image is sealed and published again in the active root."""
    old, new, target = converted_meanwhile(box, 400 * 24 * 3600)
    equal(len(records(box, new)), 1, "records in the new root")
    check(os.listdir(os.path.join(box.store, "r", new, "c")), "no chunks in the new root")
    whole(box, target)
    # And the next conversion finds that result.
    again = box.json("convert", "oci:" + box.path("src"), "oci:" + box.path("again"))["images"][0]
    equal(again["manifest_id"] if "manifest_id" in again else records(box, new)[0], records(box, new)[0], "converted again")
    equal(len(records(box, new)), 1, "records after converting again")


if __name__ == "__main__":
    main(retired_within_its_grace, retired_longer_than_its_grace)
