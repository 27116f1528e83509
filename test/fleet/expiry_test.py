#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=200 cost=50
"""Credentials that end in the middle of a container's life, on a real server that refuses them from then on: no reader notices."""
import time

from aws_like import AwsLike
from credentials import Endpoint
from fleet import S3Converter
from harness import Containerd, Floe, Registry, check, equal, main, small_image, wait_until
from network import Network
from s3 import S3
from servers import Minio


class Life:
    """A container that reads a new file of a cold image whenever it is asked to."""

    def __init__(self, box, aws=False):
        self.net = Network(box)
        self.minio = Minio(box)
        if aws:
            self.aws = AwsLike(box, self.minio.endpoint, refuses=False)
            self.minio.endpoint = self.aws.endpoint
        self.converter = S3Converter(box, self.minio)
        self.converter.address = self.minio.address(self.converter.prefix, credentials="instance")
        self.registry = Registry(box)
        self.endpoint = Endpoint(box)
        self.users = [self.user()]
        self.endpoint.give(self.users[0].keys, 3600)
        layout = small_image(box, data_mb=16)
        ref = self.registry.ref("small:floe")
        self.converter.convert("oci:" + layout, "docker://" + ref)
        self.floe = Floe(box, self.converter, env=self.endpoint.environment())
        self.node = Containerd(box, "2.4", floe=self.floe)
        self.node.pull(ref)
        self.node.ctr_run(ref, "sleep", "100000", name="life", detach=True)
        self.files = iter(range(1, 16))

    def user(self):
        return self.minio.role("node", self.converter.prefix)

    def read(self):
        """Reads one more file, which nobody has read before."""
        number = next(self.files)
        before = self.floe.fetched_bytes()
        said = self.node.ctr("tasks", "exec", "--exec-id", "e%d" % number, "life", "wc", "-c", "/data/file%d" % number)
        equal(said.split()[0], str(1 << 20), "bytes of a file")
        check(self.floe.fetched_bytes() > before, "file %d came from MinIO", number)

    def replace(self, keys, seconds=3600):
        """New keys at the endpoint."""
        self.endpoint.give(keys, seconds)

    def revoke_all_but_last(self):
        for user in self.users[:-1]:
            self.minio.disable(user)
            answer = S3(self.minio.endpoint, user.keys).get(self.minio.bucket, self.converter.prefix + "/floe.json")
            equal(answer.status, 403, "revoked keys")


def refreshed_when_they_expire(box):
    """Keys of a few seconds are asked for again when their time is over, not when a request was refused."""
    life = Life(box)
    life.read()
    life.users.append(life.user())
    life.endpoint.give(life.users[-1].keys, 4)
    expired = time.time() + 4
    life.revoke_all_but_last()
    life.read()
    life.users.append(life.user())
    life.replace(life.users[-1].keys)
    wait_until("the keys are over", lambda: time.time() > expired)
    life.read()
    equal(life.endpoint.asked, 1, "times that floe asked for the third keys")
    life.revoke_all_but_last()
    life.read()
    equal(life.endpoint.asked, 1, "times that floe asked for the third keys, the second refused meanwhile")


def revoked_without_notice(box):
    """The server refuses keys that should have lived for an hour: asked for again, and the request is made again."""
    life = Life(box)
    for _ in range(3):
        life.read()
        life.users.append(life.user())
        life.replace(life.users[-1].keys)
        life.revoke_all_but_last()
        life.read()


def expired_as_aws_says_it(box):
    """400 ExpiredToken, in the middle of an hour."""
    life = Life(box, aws=True)
    for _ in range(2):
        life.read()
        life.users.append(life.user())
        life.replace(life.users[-1].keys)
        life.aws.expired.add(life.users[-2].keys.access)
        told = life.aws.renamed
        life.read()
        check(life.aws.renamed > told, "no request was told ExpiredToken")


def temporary_keys(box):
    """Keys with a session token, from MinIO's own AssumeRole, which the server forgets as it does when their time has come."""
    life = Life(box)
    user = life.user()
    life.users.append(user)
    temporary = user.assume_role(900)
    life.replace(temporary)
    life.minio.disable(life.users[0])
    life.read()
    for _ in range(2):
        life.minio.end_temporary_keys(user)
        answer = S3(life.minio.endpoint, temporary).get(life.minio.bucket, life.converter.prefix + "/floe.json")
        equal(answer.status, 403, "the old keys: %r" % answer)
        temporary = user.assume_role(900)
        life.replace(temporary)
        life.read()


def no_keys_for_a_while(box):
    """The endpoint has only refused keys: reads fail with the reason in the log; with good ones again they work, without a restart."""
    life = Life(box)
    life.read()
    life.users.append(life.user())
    life.revoke_all_but_last()
    said = life.node.ctr("tasks", "exec", "--exec-id", "bad", "life", "wc", "-c", "/data/file15", code=None)
    check("Input/output error" in said or "I/O error" in said, "a read without any right says: %s", said)
    check(life.users[0].keys.secret not in life.floe.daemon.log(), "the secret is in the log")
    life.replace(life.users[-1].keys)
    life.read()


if __name__ == "__main__":
    main([refreshed_when_they_expire, revoked_without_notice, expired_as_aws_says_it, temporary_keys, no_keys_for_a_while], network=True)
