#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300
"""The ChunkStore contract, and what object stores promise beyond it, on two real servers of S3."""
from harness import main, program
from network import Network
from servers import Minio, Versity


def contract(box, server):
    box.run([program("store_contract"), server.address("contract"), "--gtest_brief=1"], server.root.keys.environment())


def minio(box):
    Network(box)
    contract(box, Minio(box))


def versitygw(box):
    Network(box)
    contract(box, Versity(box))


if __name__ == "__main__":
    main([minio, versitygw], network=True)
