# SPDX-License-Identifier: Apache-2.0
"""What somebody who may write to the cache's servers can put there: shards of right and of wrong form (grammar: doc/cache.md)."""
import random
import struct

TABLE = []
for _byte in range(256):
    _value = _byte
    for _ in range(8):
        _value = _value >> 1 ^ (0x82F63B78 if _value & 1 else 0)
    TABLE.append(_value)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 255] ^ value >> 8
    return value ^ 0xFFFFFFFF


def parts(key):
    """id, k, r, index of a shard's key; None for another key (a lease)."""
    fields = key.split(".")
    if len(fields) != 5 or fields[0] != "f1":
        return None
    return bytes.fromhex(fields[1]), int(fields[2]), int(fields[3]), int(fields[4])


def shard(key, sealed_length, payload):
    """A shard without fault in its form: magic, code, index, length and checksum fit the key."""
    chunk, k, r, index = parts(key)
    head = struct.pack("<4sBBBBI", b"FLS1", k, r, index, 0, sealed_length)
    return head + struct.pack("<I", crc32c(chunk + head + payload)) + payload


def well_formed(key, _value, seed):
    """Passes every check but the last: k of them make bytes that do not hash to the id. The length is the same for all of a chunk."""
    chunk, k, _, _ = parts(key)
    length = 100 + chunk[0]
    return shard(key, length, random.Random(seed).randbytes((length + k - 1) // k))


def longest(key, _value, seed):
    """As large as a shard of the largest chunk, and well-formed."""
    _, k, _, _ = parts(key)
    length = 1 << 16
    return shard(key, length, random.Random(seed).randbytes(length // k))


def noise(_key, value, seed):
    return random.Random(seed).randbytes(len(value))


def empty(_key, _value, _seed):
    return b""


def cut(_key, value, _seed):
    return value[:len(value) // 2]


def longer(_key, value, _seed):
    return value + b"\0"


def bit(_key, value, seed):
    at = seed % len(value)
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1:]


def wrong_code(_key, value, _seed):
    return value[:4] + bytes([value[4] + 1]) + value[5:]


FORMS = (well_formed, longest, noise, empty, cut, longer, bit, wrong_code)


def poison(cache, form=None):
    """Overwrites every shard on every server: by `form`, or each by another of FORMS. How many there were."""
    count = 0
    for server in cache.servers:
        with server.client() as client:
            for key in client.keys():
                if parts(key):
                    chosen = form or FORMS[count % len(FORMS)]
                    client.set(key, chosen(key, client.get(key), count))
                    count += 1
    return count


def swap(cache):
    """On each server every shard gets what is stored under the next key: another chunk's, with its own checksum. How many."""
    count = 0
    for server in cache.servers:
        with server.client() as client:
            keys = [key for key in client.keys() if parts(key)]
            values = [client.get(key) for key in keys]
            for key, value in zip(keys, values[1:] + values[:1]):
                client.set(key, value)
            count += len(keys)
    return count
