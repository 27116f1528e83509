#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes OCI layouts out of directories, with nothing but Python's standard library.

usage: oci_image.py layer DIR TAR
           writes DIR as a layer; an overlayfs upper directory becomes whiteouts and opaque markers
       oci_image.py image LAYOUT NAME --layer TAR[,gzip|zstd|plain] ... [--env K=V] [--cmd WORD] ... [--workdir D]
           writes LAYOUT (created when missing) with the image NAME; a layer already compressed there by this
           call's neighbours (same tar, same compression, kept beside the tar) is not compressed again
"""
import argparse
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile

LAYER_TYPE = {"gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
              "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
              "plain": "application/vnd.oci.image.layer.v1.tar"}
COMPRESSORS = {"gzip": ["pigz", "-6", "-n", "-p", "2", "-c"], "zstd": ["zstd", "-3", "-q", "-c"]}
# What overlayfs writes for itself is never part of a layer.
PRIVATE_XATTRS = ("trusted.overlay.", "user.overlay.")


def is_whiteout(info):
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


def is_opaque(path):
    try:
        return os.getxattr(path, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:
        return False


def xattr_headers(path):
    headers = {}
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if not name.startswith(PRIVATE_XATTRS):
            value = os.getxattr(path, name, follow_symlinks=False)
            headers["SCHILY.xattr." + name] = value.decode("utf-8", "surrogateescape")
    return headers


class LayerWriter:
    """One layer tar: entries in sorted order, hard links by the first name seen."""

    def __init__(self, root, out):
        self.root = root
        self.tar = tarfile.open(out, "w", format=tarfile.PAX_FORMAT, errors="surrogateescape")
        self.first_name = {}

    def write(self):
        self.directory("")
        self.tar.close()

    def directory(self, relative):
        path = os.path.join(self.root, relative)
        if relative:
            self.entry(relative, os.lstat(path))
        if is_opaque(path):
            self.marker(os.path.join(relative, ".wh..wh..opq"))
        for name in sorted(os.listdir(path)):
            child = os.path.join(relative, name)
            info = os.lstat(os.path.join(self.root, child))
            if is_whiteout(info):
                self.marker(os.path.join(relative, ".wh." + name))
            elif stat.S_ISDIR(info.st_mode):
                self.directory(child)
            elif not stat.S_ISSOCK(info.st_mode):
                self.entry(child, info)

    def marker(self, name):
        self.tar.addfile(tarfile.TarInfo(name))

    def entry(self, relative, info):
        path = os.path.join(self.root, relative)
        member = tarfile.TarInfo(relative + ("/" if stat.S_ISDIR(info.st_mode) else ""))
        member.mode, member.uid, member.gid = stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid
        member.mtime = int(info.st_mtime)
        identity = (info.st_dev, info.st_ino)
        if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode) and identity in self.first_name:
            member.type, member.linkname = tarfile.LNKTYPE, self.first_name[identity]
            self.tar.addfile(member)
            return
        self.first_name[identity] = relative
        member.pax_headers = xattr_headers(path)
        if stat.S_ISDIR(info.st_mode):
            member.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(info.st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, os.readlink(path)
        elif stat.S_ISFIFO(info.st_mode):
            member.type = tarfile.FIFOTYPE
        elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
            member.type = tarfile.CHRTYPE if stat.S_ISCHR(info.st_mode) else tarfile.BLKTYPE
            member.devmajor, member.devminor = os.major(info.st_rdev), os.minor(info.st_rdev)
        else:
            member.size = info.st_size
            with open(path, "rb") as content:
                self.tar.addfile(member, content)
            return
        self.tar.addfile(member)


def sha256_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as content:
        for block in iter(lambda: content.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def compress(tar, kind):
    """The compressed layer beside its tar, made once, and the tar's own digest."""
    compressed = tar if kind == "plain" else "%s.%s" % (tar, kind)
    if not os.path.exists(compressed):
        with open(compressed + ".tmp", "wb") as out:
            subprocess.run(COMPRESSORS[kind] + [tar], stdout=out, check=True)
        os.rename(compressed + ".tmp", compressed)
    diff_id = tar + ".diffid"
    if not os.path.exists(diff_id):
        with open(diff_id + ".tmp", "w") as out:
            out.write(sha256_file(tar))
        os.rename(diff_id + ".tmp", diff_id)
    with open(diff_id) as known:
        return compressed, known.read()


class Layout:
    """An OCI image layout directory: blobs named by digest and index.json."""

    def __init__(self, root):
        self.root = root
        os.makedirs(os.path.join(root, "blobs/sha256"), exist_ok=True)
        with open(os.path.join(root, "oci-layout"), "w") as out:
            json.dump({"imageLayoutVersion": "1.0.0"}, out)

    def blob_path(self, digest):
        return os.path.join(self.root, "blobs/sha256", digest)

    def put_file(self, source, media_type):
        digest = sha256_file(source)
        target = self.blob_path(digest)
        if not os.path.exists(target):
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": os.path.getsize(target)}

    def put_json(self, value, media_type):
        data = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
        digest = hashlib.sha256(data).hexdigest()
        with open(self.blob_path(digest), "wb") as out:
            out.write(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    def add_name(self, name, descriptor):
        path = os.path.join(self.root, "index.json")
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
        if os.path.exists(path):
            with open(path) as known:
                index = json.load(known)
        descriptor = dict(descriptor, annotations={"org.opencontainers.image.ref.name": name})
        index["manifests"] = [m for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] != name]
        index["manifests"].append(descriptor)
        with open(path, "w") as out:
            json.dump(index, out)


def image_config(diff_ids, options):
    config = {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] + options.env}
    if options.cmd:
        config["Cmd"] = options.cmd
    if options.workdir:
        config["WorkingDir"] = options.workdir
    return {"architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z", "config": config,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + d for d in diff_ids]},
            "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "layer %d" % i} for i in range(len(diff_ids))]}


def make_image(options):
    layout = Layout(options.layout)
    layers, diff_ids = [], []
    for word in options.layer:
        tar, _, kind = word.partition(",")
        compressed, diff_id = compress(tar, kind or "gzip")
        layers.append(layout.put_file(compressed, LAYER_TYPE[kind or "gzip"]))
        diff_ids.append(diff_id)
    config = layout.put_json(image_config(diff_ids, options), "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers}
    layout.add_name(options.name, layout.put_json(manifest, manifest["mediaType"]))
    return sum(layer["size"] for layer in layers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    layer = commands.add_parser("layer")
    layer.add_argument("dir")
    layer.add_argument("tar")
    image = commands.add_parser("image")
    image.add_argument("layout")
    image.add_argument("name")
    image.add_argument("--layer", action="append", required=True)
    image.add_argument("--env", action="append", default=[])
    image.add_argument("--cmd", action="append", default=[])
    image.add_argument("--workdir", default="")
    options = parser.parse_args()
    if options.command == "layer":
        LayerWriter(options.dir, options.tar).write()
    else:
        print(make_image(options))


if __name__ == "__main__":
    sys.exit(main())
