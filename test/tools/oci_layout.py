# SPDX-License-Identifier: Apache-2.0
"""OCI layouts for tests: reading one, and writing one from tars."""
import gzip
import hashlib
import json
import os
import subprocess

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
REF_NAME = "org.opencontainers.image.ref.name"


def blob_path(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


def read_json(path):
    with open(path) as source:
        return json.load(source)


def manifest(layout, tag=None):
    for entry in read_json(os.path.join(layout, "index.json"))["manifests"]:
        if tag is None or entry.get("annotations", {}).get(REF_NAME) == tag:
            return read_json(blob_path(layout, entry["digest"]))
    raise KeyError("%s has no image %s" % (layout, tag))


def layer_paths(layout, tag=None):
    return [blob_path(layout, layer["digest"]) for layer in manifest(layout, tag)["layers"]]


def chain_id(layout, tag=None):
    """The name of containerd's snapshot of the whole image."""
    diff_ids = read_json(blob_path(layout, manifest(layout, tag)["config"]["digest"]))["rootfs"]["diff_ids"]
    chain = diff_ids[0]
    for diff_id in diff_ids[1:]:
        chain = "sha256:" + hashlib.sha256(("%s %s" % (chain, diff_id)).encode()).hexdigest()
    return chain


def put_blob(layout, data, media_type):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    path = blob_path(layout, digest)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as blob:
        blob.write(data)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def compress(tar, how):
    """(bytes, suffix of the media type)."""
    if how == "gzip":
        return gzip.compress(tar, 1, mtime=0), "+gzip"
    if how == "gzip-members":  # as pigz and eStargz write them
        middle = len(tar) // 2
        return gzip.compress(tar[:middle], 1, mtime=0) + gzip.compress(tar[middle:], 1, mtime=0), "+gzip"
    if how == "zstd":
        return subprocess.run(["zstd", "-qc"], check=True, input=tar, stdout=subprocess.PIPE).stdout, "+zstd"
    return tar, ""


def write(layout, tars, tag="t", how=("gzip",), platform=("linux", "amd64")):
    """Writes a layout with one image; `tars` are bytes, lowest layer first; `how` compresses them in turn."""
    layers = []
    for number, tar in enumerate(tars):
        data, suffix = compress(tar, how[number % len(how)])
        layers.append(put_blob(layout, data, LAYER + suffix))
    write_image(layout, layers, ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in tars], tag, platform)


def write_big(layout, tar, tag="t"):
    """The same for one plain layer that need not fit into memory: the file at `tar` moves into the layout."""
    digest = hashlib.sha256()
    with open(tar, "rb") as source:
        while block := source.read(1 << 20):
            digest.update(block)
    name = "sha256:" + digest.hexdigest()
    size = os.path.getsize(tar)
    os.makedirs(os.path.dirname(blob_path(layout, name)))
    os.rename(tar, blob_path(layout, name))
    write_image(layout, [{"mediaType": LAYER, "digest": name, "size": size}], [name], tag, ("linux", "amd64"))


def write_image(layout, layers, diff_ids, tag, platform):
    config = {"os": platform[0], "architecture": platform[1],
              "config": {"Cmd": ["/bin/sh"]},
              "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": put_blob(layout, json.dumps(config).encode(), CONFIG), "layers": layers}
    entry = put_blob(layout, json.dumps(body).encode(), MANIFEST)
    entry["annotations"] = {REF_NAME: tag}
    with open(os.path.join(layout, "index.json"), "w") as index:
        json.dump({"schemaVersion": 2, "manifests": [entry]}, index)
    with open(os.path.join(layout, "oci-layout"), "w") as marker:
        json.dump({"imageLayoutVersion": "1.0.0"}, marker)
