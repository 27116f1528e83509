#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=400 cost=100
"""The end-to-end runs of test/e2e once more, with MinIO as origin behind a link: the same statements
about clients and laziness, by the same code."""
from clients_test import commit_reads_little, ctr_life, nerdctl_life
from fleet import FleetWorld, S3Converter
from harness import equal, main, small_image
from laziness_test import start_of
from network import Network
from servers import Versity


def on_the_fleet(function):
    def test(box):
        function(box, "2.4", FleetWorld)
    test.label = "%s on the fleet" % function.__name__.replace("_", " ")
    return test


def mounted(converter, box, name):
    """The converted image, as a node sees it."""
    target, converter.env = box.folder("mnt"), dict(converter.env, **converter.rights("node"))
    box.undo.callback(converter.floe, "umount", target)
    converter.floe("mount", "oci:" + box.path(name), target)
    with open(target + "/etc/release") as release:
        equal(release.read(), "two\n", "a file of the image")


def another_s3_server(box):
    """versitygw instead of MinIO, without a shared cache: convert, check, read."""
    Network(box)
    versity = Versity(box)
    converter = S3Converter(box, versity)
    converter.convert("oci:" + small_image(box), "oci:" + box.path("lazy"))
    equal(converter.json("store", "check", "--deep")["problems"], [], "problems of the store")
    mounted(converter, box, "lazy")


if __name__ == "__main__":
    main([on_the_fleet(ctr_life), on_the_fleet(nerdctl_life), on_the_fleet(commit_reads_little), start_of("node", "2.4", FleetWorld),
          start_of("gcc", "2.4", FleetWorld), another_s3_server], network=True)
