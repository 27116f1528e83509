#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=400 cost=100
"""The end-to-end runs of test/e2e once more, with MinIO as origin and six memcached servers as the shared cache behind links: the same
statements about clients and laziness, by the same code."""
from aws_like import AwsLike
from clients_test import commit_reads_little, ctr_life, nerdctl_life
from fleet import FleetWorld, S3Converter, metric
from harness import check, equal, main, small_image
from laziness_test import start_of
from network import Network
from servers import Minio, Versity


def on_the_fleet(function):
    def test(box):
        function(box, "2.4", FleetWorld)
    test.label = "%s on the fleet" % function.__name__.replace("_", " ")
    return test


def the_second_node_asks_the_cache(box):
    """What the first node fetched it left in the shared cache; the second node's start asks MinIO for no chunk."""
    world = FleetWorld(box, "2.4")
    ref = world.converted()
    script = ["sh", "-c", "cat /data/* | sha256sum"]

    def run(node):
        node.pull(ref)
        return node.ctr_run(ref, *script, name="reader")

    wanted = run(world.node)
    chunks = metric(world.floe.metrics(), "floe_tier_hits_total", tier="origin")
    equal(metric(world.floe.metrics(), "floe_tier_hits_total", tier="cache"), 0, "hits of an empty cache")
    world.cache.filled(5 * chunks)
    second, floe = world.add_node("second")
    equal(run(second), wanted, "what the second node reads")
    got = {tier: metric(floe.metrics(), "floe_tier_hits_total", tier=tier) for tier in ("cache", "origin")}
    print("  first node: %d chunks from MinIO; second node: %d from the cache, %d from MinIO" % (chunks, got["cache"], got["origin"]))
    equal(got["origin"], 0, "chunks that the second node asked MinIO for")
    check(got["cache"] >= chunks * 0.9, "the second node found %d chunks in the cache, the first had fetched %d", got["cache"], chunks)


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


def absent_or_refused(box):
    """AWS answers 403 for what is not there to who may not list: a converter and a node work all the same with the shipped policies."""
    Network(box)
    minio = Minio(box)
    proxy = AwsLike(box, minio.endpoint)
    minio.endpoint = proxy.endpoint
    converter = S3Converter(box, minio)
    layout = small_image(box)
    outcomes = [converter.convert("oci:" + layout, "oci:" + box.path(name))["images"][0]["outcome"] for name in ("first", "again")]
    equal(outcomes, ["converted", "reused"], "outcomes of two conversions")
    check(proxy.renamed > 0, "no answer was changed")
    mounted(converter, box, "again")


if __name__ == "__main__":
    main([on_the_fleet(ctr_life), on_the_fleet(nerdctl_life), on_the_fleet(commit_reads_little), the_second_node_asks_the_cache,
          start_of("node", "2.4", FleetWorld), start_of("gcc", "2.4", FleetWorld), another_s3_server, absent_or_refused], network=True)
