# SPDX-License-Identifier: Apache-2.0
"""A small client of memcached's text protocol: what tests use to count, to empty and to poison a shared cache behind floe's back."""
import socket

from sandbox import check


class Memcache:
    def __init__(self, host, port=11211, seconds=30):
        self.socket = socket.create_connection((host, port), seconds)
        self.file = self.socket.makefile("rwb")

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def line(self):
        line = self.file.readline()
        check(line.endswith(b"\n"), "memcached closed the connection")
        return line.rstrip(b"\r\n").decode()  # metadump ends its lines without \r

    def send(self, command, body=None):
        self.file.write(command.encode() + b"\r\n" + (b"" if body is None else body + b"\r\n"))
        self.file.flush()

    def ask(self, command, body=None):
        self.send(command, body)
        return self.line()

    def stats(self, what=""):
        self.send(("stats " + what).strip())
        values = {}
        while (line := self.line()) != "END":
            _, name, value = line.split(" ", 2)
            values[name] = value
        return values

    def keys(self):
        """All keys there are now; memcached lists them as key=NAME exp=..., one a line."""
        self.send("lru_crawler metadump all")
        found = []
        while (line := self.line()) != "END":
            check(line.startswith("key="), "metadump says %r", line)
            found.append(line.split(" ", 1)[0][len("key="):])
        return found

    def get(self, key):
        """The value, or None."""
        line = self.ask("mg %s v" % key)
        if line == "EN":
            return None
        check(line.startswith("VA "), "mg %s: %r", key, line)
        size = int(line.split()[1])
        value = self.file.read(size + 2)
        return value[:size]

    def set(self, key, value):
        answer = self.ask("ms %s %d" % (key, len(value)), value)
        check(answer == "HD", "ms %s: %r", key, answer)

    def delete(self, key):
        return self.ask("md %s" % key) == "HD"

    def flush(self):
        """Everything is gone. memcached forgets what is older than this second, so what was set within it is deleted by name."""
        check(self.ask("flush_all") == "OK", "flush_all was refused")
        for key in self.keys():
            self.delete(key)

    def items(self):
        return int(self.stats()["curr_items"])
