#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
"""The fleet's own tools: what the other tests believe about links, black holes, servers and small clients is so."""
import concurrent.futures
import socket
import time

import poison
from aws_like import AwsLike
from harness import check, equal, main
from memcache import Memcache
from network import Network
from s3 import S3, Keys
from servers import Memcached, Minio, Toxiproxy, Versity


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


def one_of_many_puts(server):
    """Put if absent by eight at once: the property that the whole store stands on."""
    for number in range(20):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            key = "raced/%d" % number
            answers = list(pool.map(lambda who: (server.root.put(server.bucket, key, b"%d" % who, absent=True).status, who), range(8)))
        won = [who for status, who in answers if status == 200]
        equal(len(won), 1, "winners of %s among %s" % (key, answers))
        check(all(status in (200, 409, 412) for status, _ in answers), "answers: %s", answers)
        equal(server.root.get(server.bucket, key).body, b"%d" % won[0], "what is there")


def both_kinds_of_s3(box):
    net = Network(box)
    for server in (Minio(box, net.machine("minio")), Versity(box, net.machine("versity"))):
        root, bucket = server.root, server.bucket
        for number in range(1001):
            equal(root.put(bucket, "many/%04d" % number, b"x").status, 200, "put")
        equal(len(root.names(bucket, "many/")), 1001, "names over two pages")
        answer = S3(server.endpoint, Keys(root.keys.access, "not the secret")).get(bucket, "many/0000")
        equal((answer.status, answer.code), (403, "SignatureDoesNotMatch"), "a wrong secret")
        equal(root.put(bucket, "many/0000", b"y", absent=True).status, 412, "put if absent of what is there")
        answer = root.put(bucket, "many/0000", b"y", headers={"x-amz-checksum-crc32": "AAAAAA=="})
        check(answer.status == 400, "a wrong checksum: %r", answer)
        equal(root.get(bucket, "many/0000").body, b"x", "the object after both")
        equal(root.get(bucket, "many").status, 404, "a folder is no object")
        one_of_many_puts(server)


def aws_refuses_where_minio_misses(box):
    Network(box)
    minio = Minio(box)
    proxy = AwsLike(box, minio.endpoint)
    client = S3(proxy.endpoint, minio.root.keys)
    equal(client.put(minio.bucket, "a/b c", b"x" * 100000).status, 200, "a put through the proxy")
    equal((client.get(minio.bucket, "a/b c").body, client.head(minio.bucket, "a/b c").headers["Content-Length"]), (b"x" * 100000, "100000"), "and back")
    equal((client.get(minio.bucket, "none").status, client.head(minio.bucket, "none").status, proxy.renamed), (403, 403, 2), "what is not there")
    equal(list(client.names(minio.bucket)), ["a/b c"], "names")
    proxy.expired.add(client.keys.access)
    answer = client.get(minio.bucket, "a/b c")
    equal((answer.status, answer.code), (400, "ExpiredToken"), "an expired key")


def poison_has_the_right_form(_):
    equal(poison.crc32c(b"123456789"), 0xE3069283, "CRC-32C of the published example")
    equal(poison.parts("f1." + "ab" * 32 + ".4.1.3"), (b"\xab" * 32, 4, 1, 3), "a shard's key")
    equal(poison.parts("f1." + "ab" * 32 + ".lease"), None, "a lease's key")


if __name__ == "__main__":
    main([a_cut_link_is_a_black_hole, a_link_has_its_rate, memcache_client_counts_and_empties, toxiproxy_delays_and_heals,
          both_kinds_of_s3, aws_refuses_where_minio_misses, poison_has_the_right_form], network=True)
