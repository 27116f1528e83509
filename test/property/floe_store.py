# SPDX-License-Identifier: Apache-2.0
"""A folder store with keys of its own, and the program floe on it."""
import json
import os
import resource
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("FLOE_BIN", os.path.join(HERE, "../../build/release/bin"))


class FloeStore:
    def __init__(self, work, name, secret_of=None):
        """In folders of `work`, which floe-fusefs must be able to enter. With `secret_of`: domain and keys are those of another."""
        self.folder, self.keys, self.config = (os.path.join(work, name + part) for part in ("", "-keys", ".toml"))
        with open(self.config, "w") as out:
            out.write('[store]\naddress = "folder:%s"\n[keys]\ndirectory = "%s"\n' % (self.folder, self.keys))
        if secret_of:
            shutil.copytree(secret_of.keys, self.keys)
            os.mkdir(self.folder)
            for part in ("floe.json", "log"):
                source = os.path.join(secret_of.folder, part)
                (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, os.path.join(self.folder, part))
        else:
            self.floe("store", "init", "folder:" + self.folder)

    def floe(self, *arguments):
        """What it prints; RuntimeError with its reason when it fails."""
        done = subprocess.run([os.path.join(BIN, "floe"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=dict(os.environ, FLOE_CONFIG=self.config))
        if done.returncode != 0:
            raise RuntimeError("floe %s: %s" % (" ".join(arguments), done.stderr.strip()))
        return done.stdout

    def convert(self, layout, target, *options):
        return json.loads(self.floe("--json", "convert", *options, "oci:" + layout, "oci:" + target))["images"][0]

    def mount(self, converted, directory):
        self.floe("mount", "oci:" + converted, directory)

    def umount(self, directory):
        self.floe("umount", directory)

    def chunk_files(self):
        return [os.path.join(folder, name) for folder, _, names in os.walk(self.folder) for name in names
                if len(name) == 64 and "/c/" in folder]

    def sealed_bytes(self):
        return sum(os.path.getsize(path) for path in self.chunk_files())


def largest_child_bytes():
    """The largest resident set that any ended child of this process had."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
