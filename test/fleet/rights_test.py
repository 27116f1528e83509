#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
"""The policies of packaging/policies on a real server, call by call: every role may do what its work needs on each class of names, and
everything else is refused. MAY is store.md's table "Who is trusted with what", spelt out."""
import json

from harness import check, equal, in_message, main
from network import Network
from servers import Minio, policy_text

ROOT, OTHER_ROOT, HASH, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2, "ab" * 32, "cd" * 32
CLASSES = {  # class of names: an object that is there, and a name that is not
    "floe.json": ("floe.json", None),
    "log": ("log/0000000001", "log/0000000002"),
    "conversions": ("x/" + HASH, "x/" + OTHER),
    "chunks": ("r/%s/c/ab/%s" % (ROOT, HASH), "r/%s/c/cd/%s" % (ROOT, OTHER)),
    "records": ("r/%s/m/%s" % (ROOT, HASH), "r/%s/m/%s" % (ROOT, OTHER)),
    "packs": ("r/%s/p/%s/%s" % (ROOT, HASH, HASH), "r/%s/p/%s/%s" % (ROOT, HASH, OTHER)),
    "moved": ("r/%s/moved/%s" % (ROOT, HASH), "r/%s/moved/%s" % (ROOT, OTHER)),
    "live": ("live/%s/node1" % HASH, "live/%s/node2" % HASH),
    "alarm": ("alarm/%s/node1-1" % ROOT, "alarm/%s/node1-2" % ROOT),
    "profile": ("profile/%s/node1-1" % HASH, "profile/%s/node1-2" % HASH),
    "drop": ("drop/" + HASH, "drop/" + OTHER),
    "lock": ("lock/collector", "lock/other"),
    "trash": ("trash/%s/c/ab/%s" % (OTHER_ROOT, HASH), "trash/%s/c/cd/%s" % (OTHER_ROOT, OTHER)),
    "strangers": ("notes.txt", "other.txt"),
}
ALL = frozenset(CLASSES)
MAY = {
    # Conversions, records and packs are read to find an earlier result; chunks to check and repair what is there.
    "converter": {"get": {"floe.json", "log", "conversions", "records", "packs", "chunks"}, "put": {"chunks", "records", "packs", "conversions"},
                  "delete": set(), "list": set()},
    "node": {"get": ALL, "put": {"live", "alarm", "profile"}, "delete": set(), "list": ALL},
    "collector": {"get": ALL, "put": ALL, "delete": ALL, "list": ALL},
}
# An exact name may be listed where only that tells a missing object from a refused one on servers that answer both with 403.
MAY_ASK = {"converter": {"floe.json", "log", "conversions", "records", "chunks"}, "node": ALL, "collector": ALL}
PREFIX, BODY = "stores/one", b"bytes of an object"


def fill(minio, prefix):
    for there, absent in CLASSES.values():
        equal(minio.root.put(minio.bucket, prefix + "/" + there, BODY).status, 200, "put of " + there)
        if absent:
            minio.root.delete(minio.bucket, prefix + "/" + absent)


class Calls:
    """Every call on one class of names as one user. Each gives the statuses that it has when allowed, and what must be so after it."""

    def __init__(self, minio, client, kind, prefix=PREFIX):
        self.minio, self.client, self.bucket = minio, client, minio.bucket
        there, absent = CLASSES[kind]
        self.there, self.absent = prefix + "/" + there, prefix + "/" + absent if absent else None
        self.folder = self.there.rsplit("/", 1)[0] + "/"

    def expect(self, what, answer, allowed, good):
        wanted = good if allowed else (403,)
        check(answer.status in wanted, "%s of %s: %r, wanted %s", what, self.there, answer, " or ".join(map(str, wanted)))
        check(allowed or answer.code in ("AccessDenied", ""), "%s of %s: %r, wanted AccessDenied", what, self.there, answer)
        return 1

    def reads(self, may):
        count = self.expect("get", self.client.get(self.bucket, self.there), may, (200,))
        count += self.expect("get of a range", self.client.get(self.bucket, self.there, {"range": "bytes=1-3"}), may, (206,))
        count += self.expect("head", self.client.head(self.bucket, self.there), may, (200,))
        if self.absent:  # AWS says 403 instead of 404 where list is not allowed: both are a refusal to the reader, neither is bytes
            count += self.expect("get of the absent neighbour", self.client.get(self.bucket, self.absent), may, (404,))
        return count

    def lists(self, may, may_ask):
        count = self.expect("list of the folder", self.client.list(self.bucket, self.folder), may, (200,))
        count += self.expect("list of the exact name", self.client.list(self.bucket, self.there), may_ask, (200,))
        return count

    def puts(self, may):
        count = self.expect("put if absent, present", self.client.put(self.bucket, self.there, b"x", absent=True), may, (412,))
        equal(self.minio.root.get(self.bucket, self.there).body, BODY, "the object after a put if absent: " + self.there)
        if self.absent:
            count += self.expect("put if absent", self.client.put(self.bucket, self.absent, BODY, absent=True), may, (200,))
            equal(self.minio.root.get(self.bucket, self.absent).status, 200 if may else 404, "is it there after the put: " + self.absent)
            self.minio.root.delete(self.bucket, self.absent)
            count += self.expect("begin of a multipart upload", self.client.start_multipart(self.bucket, self.absent), may, (200,))
        # Where put is allowed so is overwriting: MinIO's policies cannot tell them apart (put_if_absent_alone below).
        count += self.expect("overwrite", self.client.put(self.bucket, self.there, BODY), may, (200,))
        return count

    def copies(self, may_get, may_put, source, target):
        """From here to `target`, which this user may put; from `source`, which it may get, to here."""
        count = 0
        if target:
            count += self.expect("copy from", self.client.copy(self.bucket, self.there, target), may_get, (200,))
            self.minio.root.delete(self.bucket, target)
        if source and source != self.there:
            count += self.expect("copy to", self.client.copy(self.bucket, source, self.there), may_put, (200,))
        equal(self.minio.root.put(self.bucket, self.there, BODY).status, 200, "put of " + self.there)
        return count

    def deletes(self, may):
        self.client.delete_many(self.bucket, [self.there])
        equal(self.minio.root.get(self.bucket, self.there).status, 404 if may else 200, "is it there after the batch delete: " + self.there)
        self.minio.root.put(self.bucket, self.there, BODY)
        count = self.expect("delete", self.client.delete(self.bucket, self.there), may, (204,))
        equal(self.minio.root.get(self.bucket, self.there).status, 404 if may else 200, "is it there after the delete: " + self.there)
        self.minio.root.put(self.bucket, self.there, BODY)
        return count + 1


def every_call(minio, client, role):
    """All calls on all classes of the store at PREFIX; how many they were."""
    may, count = MAY[role], 0
    readable = PREFIX + "/" + CLASSES[sorted(may["get"])[0]][0]
    writable = next((PREFIX + "/" + CLASSES[kind][1] for kind in sorted(may["put"]) if CLASSES[kind][1]), None)
    for kind in CLASSES:
        calls = Calls(minio, client, kind)
        count += calls.reads(kind in may["get"])
        count += calls.lists(kind in may["list"], kind in MAY_ASK[role])
        count += calls.puts(kind in may["put"])
        count += calls.copies(kind in may["get"], kind in may["put"], readable, writable)
        count += calls.deletes(kind in may["delete"])
    return count


def no_other_store(minio, client):
    """A store at a prefix that begins alike, in the same bucket, is another world; so is the bucket itself."""
    count = 0
    for kind in CLASSES:
        calls = Calls(minio, client, kind, PREFIX + "2")
        count += calls.reads(False) + calls.lists(False, False) + calls.puts(False) + calls.copies(False, False, None, None) + calls.deletes(False)
    for prefix in ("", "stores/", PREFIX):
        count += calls.expect("list of %r" % prefix, client.list(minio.bucket, prefix), False, ())
    for what, method, query in (("policy of the bucket", "GET", "policy"), ("versions", "GET", "versions"), ("uploads", "GET", "uploads"),
                                ("versioning", "GET", "versioning"), ("lifecycle", "GET", "lifecycle")):
        answer = client.request(method, "/" + minio.bucket, {query: ""})
        count += calls.expect(what, answer, False, ())
    count += calls.expect("delete of the bucket", client.request("DELETE", "/" + minio.bucket), False, ())
    count += calls.expect("a bucket of its own", client.make_bucket("another-bucket"), False, ())
    return count


def each_role(box):
    Network(box)
    minio = Minio(box)
    for role in MAY:
        fill(minio, PREFIX)
        fill(minio, PREFIX + "2")
        client = minio.role(role, PREFIX)
        print("  %-9s %d calls on its own store, %d elsewhere" % (role, every_call(minio, client, role), no_other_store(minio, client)), flush=True)


def without_a_prefix(box):
    """The store is the whole bucket: the placeholder PREFIX/ goes."""
    Network(box)
    minio = Minio(box)
    for role in MAY:
        client, may = minio.role(role, ""), MAY[role]
        for kind, (there, absent) in CLASSES.items():
            minio.root.put(minio.bucket, there, BODY)
            equal(client.get(minio.bucket, there).status, 200 if kind in may["get"] else 403, "%s gets %s" % (role, there))
            if absent:
                equal(client.put(minio.bucket, absent, BODY, absent=True).status, 200 if kind in may["put"] else 403, "%s puts %s" % (role, absent))
                minio.root.delete(minio.bucket, absent)
        equal(client.list(minio.bucket, "r/%s/c/" % ROOT).status, 200 if may["list"] else 403, "%s lists chunks" % role)


def converter_that_may_not_read_chunks(box):
    """Without the statement ReadChunksForRepairAndPacks the converter is a little less trusted, as store.md has it."""
    Network(box)
    minio = Minio(box)
    policy = json.loads(policy_text("converter", minio.bucket, PREFIX))
    kept = [statement for statement in policy["Statement"] if statement["Sid"] != "ReadChunksForRepairAndPacks"]
    equal(len(kept), len(policy["Statement"]) - 1, "statements without that one")
    fill(minio, PREFIX)
    client = minio.user(minio.policy("writer", json.dumps(dict(policy, Statement=kept))))
    for kind in CLASSES:
        Calls(minio, client, kind).reads(kind in MAY["converter"]["get"] - {"chunks"})
        Calls(minio, client, kind).puts(kind in MAY["converter"]["put"])


def put_if_absent_alone(box):
    """A policy that allows only conditional puts exists on AWS (doc/s3.md). MinIO refuses it as a whole, so nobody
    can believe that it holds there."""
    Network(box)
    minio = Minio(box)
    policy = json.loads(policy_text("converter", minio.bucket, PREFIX))
    for statement in policy["Statement"]:
        if statement["Sid"] == "Put":
            statement["Condition"] = {"Null": {"s3:if-none-match": "false"}}
    file = box.write("conditional.json", json.dumps(policy))
    said = box.run([minio.admin_program, minio.endpoint, "policy", "conditional", file], minio.env, code=1)
    in_message(said, "invalid condition key 's3:if-none-match'")


def temporary_keys_have_no_more(box):
    """Keys from AssumeRole have the rights of their user, and end with it."""
    Network(box)
    minio = Minio(box)
    fill(minio, PREFIX)
    user = minio.role("node", PREFIX)
    client = type(user)(minio.endpoint, user.assume_role(900))
    for kind in CLASSES:
        calls = Calls(minio, client, kind)
        calls.reads(True)
        calls.puts(kind in MAY["node"]["put"])
        calls.deletes(False)
    minio.disable(user)
    answer = client.get(minio.bucket, PREFIX + "/floe.json")
    check(answer.status == 403, "keys of a disabled user: %r", answer)


if __name__ == "__main__":
    main([each_role, without_a_prefix, converter_that_may_not_read_chunks, put_if_absent_alone, temporary_keys_have_no_more], network=True)
