# SPDX-License-Identifier: Apache-2.0
"""Debian's containerd with a root and socket of its own, as the judge of what a layer unpacks to."""
import os
import re
import shutil
import subprocess
import time

import oci_layout


def run(*command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if result.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(command)[:200], (result.stderr or result.stdout).strip()[-600:]))
    return result.stdout


class Containerd:
    """Use as a context manager. `folder` must exist; everything in it goes at the end."""

    def __init__(self, folder, on_tmpfs):
        self.folder, self.on_tmpfs = folder, on_tmpfs
        self.socket = os.path.join(folder, "containerd.sock")
        self.root = os.path.join(folder, "root")
        self.mounts, self.images = [], 0

    def __enter__(self):
        os.makedirs(self.root)
        if self.on_tmpfs:  # has xattrs of 64 KiB and more than 65,000 links, which ext4 has not
            run("mount", "-t", "tmpfs", "-o", "size=80%,nr_inodes=0", "floe-judge", self.root)
            self.mounts.append(self.root)
        config = os.path.join(self.folder, "config.toml")
        with open(config, "w") as out:
            out.write('version = 2\nroot = "%s"\nstate = "%s/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\n  address = "%s"\n'
                      % (self.root, self.folder, self.socket))
        self.log = open(os.path.join(self.folder, "log"), "w")
        self.process = subprocess.Popen(["/usr/bin/containerd", "--config", config], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while subprocess.run(["/usr/bin/ctr", "-a", self.socket, "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.__exit__()
                raise RuntimeError("containerd did not start; its log is " + self.log.name)
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        for mount in reversed(self.mounts[1:] if self.on_tmpfs else self.mounts):
            subprocess.run(["umount", mount], check=False)
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
        if self.on_tmpfs:
            subprocess.run(["umount", self.root], check=False)

    def ctr(self, *arguments):
        return run("/usr/bin/ctr", "-a", self.socket, *arguments)

    def mount_image(self, layout, tag, directory):
        """Imports and unpacks an image and mounts its snapshot as a container would get it: an overlay with an upper directory."""
        archive = os.path.join(self.folder, "import.tar")
        run("tar", "-C", layout, "-cf", archive, ".")
        self.ctr("images", "import", "--base-name", "judge", "--all-platforms", archive)
        os.unlink(archive)
        self.images += 1
        key = "judge-%d" % self.images
        self.ctr("snapshots", "prepare", key, oci_layout.chain_id(layout, tag))
        command = self.ctr("snapshots", "mounts", directory, key)
        kind, source, options = re.match(r"mount -t (\S+) (\S+) \S+ -o (\S+)", command).groups()
        run("mount", "-t", kind, "-o", options, source, directory)
        self.mounts.append(directory)

    def unmount(self, directory):
        run("umount", directory)
        self.mounts.remove(directory)


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
