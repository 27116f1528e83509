#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
"""The fleet's own tools: what the other tests believe about links, black holes, servers and small clients is so."""
import socket
import time

from harness import check, equal, main
from memcache import Memcache
from network import Network
from s3 import S3, Keys
from servers import Memcached, Minio, Toxiproxy


def silent(server):
    """No answer and no refusal."""
    try:
        with Memcache(server.ip, server.port, seconds=0.3) as client:
            client.ask("mn")
        return False
    except socket.timeout:
        return True


def a_cut_link_is_a_black_hole(box):
    net = Network(box)
    near, far = (Memcached(box, net.machine(name), name) for name in ("near", "far"))
    far.machine.cut()
    check(silent(far) and near.answers(), "a cut machine is silent, its neighbour is not")
    far.machine.mend()
    far.ready()
    far.freeze()
    check(silent(far) and near.answers(), "a frozen server is silent, its neighbour is not")
    far.thaw()
    far.ready()


def a_link_has_its_rate(box):
    net = Network(box)
    server = Memcached(box, net.machine("slow", "80mbit"), "slow")
    value = bytes(range(256)) * 4096
    with server.client() as client:
        client.set("value", value)
        before, begin = server.machine.sent(), time.monotonic()
        for _ in range(2):
            equal(client.get("value") == value, True, "the value is the same")
        seconds = time.monotonic() - begin
        check(server.machine.sent() - before > 2 * len(value), "the link counts what was sent")
        check(seconds > 0.15, "2 MB at 10 MB/s took %.3f s", seconds)  # a floor, which a slow machine cannot break
        server.machine.shape(None)
        equal(client.get("value") == value, True, "the connection lives through another rate")


def memcache_client_counts_and_empties(box):
    Network(box)
    server = Memcached(box)
    with server.client() as client:
        for number in range(100):
            client.set("key%d" % number, b"x" * number)
        equal(sorted(client.keys()), sorted("key%d" % number for number in range(100)), "keys")
        equal(client.get("key7"), b"x" * 7, "a value")
        equal(client.get("nothing"), None, "no value")
        equal((client.delete("key7"), client.delete("key7"), client.get("key7")), (True, False, None), "a deleted value")
        client.flush()
        equal((client.get("key8"), client.keys()), (None, []), "after flush_all")
        equal(int(client.stats("settings")["item_size_max"]), 2 << 20, "item_size_max")
    server.restart()
    with server.client() as client:
        equal(client.items(), 0, "items after a restart")


def toxiproxy_delays_and_heals(box):
    Network(box)
    server, proxy = Memcached(box), Toxiproxy(box)
    host, port = proxy.proxy("slow", 12001, server.address).split(":")
    with Memcache(host, int(port)) as client:
        client.ask("mn")
        proxy.poison("slow", "latency", latency=200)
        begin = time.monotonic()
        equal(client.ask("mn"), "MN", "an answer through the proxy")
        check(time.monotonic() - begin > 0.19, "it is 200 ms late")
        proxy.heal("slow")
        equal(proxy.call("GET", "/proxies/slow")["toxics"], [], "poisons left")


def minio_refuses_strangers_and_lists_pages(box):
    net = Network(box)
    minio = Minio(box, net.machine("store"))
    for number in range(1001):
        equal(minio.root.put(minio.bucket, "many/%04d" % number, b"x").status, 200, "put")
    equal(len(minio.root.names(minio.bucket, "many/")), 1001, "names over two pages")
    answer = S3(minio.endpoint, Keys(minio.root.keys.access, "not the secret")).get(minio.bucket, "many/0000")
    equal((answer.status, answer.code), (403, "SignatureDoesNotMatch"), "a wrong secret")
    equal(minio.root.put(minio.bucket, "many/0000", b"y", absent=True).status, 412, "put if absent of what is there")
    answer = minio.root.put(minio.bucket, "many/0000", b"y", headers={"x-amz-checksum-crc32": "AAAAAA=="})
    check(answer.status == 400, "two checksums of which one is wrong: %r", answer)
    equal(minio.root.get(minio.bucket, "many/0000").body, b"x", "the object after both")


if __name__ == "__main__":
    main([a_cut_link_is_a_black_hole, a_link_has_its_rate, memcache_client_counts_and_empties, toxiproxy_delays_and_heals,
          minio_refuses_strangers_and_lists_pages], network=True)
