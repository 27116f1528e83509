# SPDX-License-Identifier: Apache-2.0
"""A registry that wants tokens: a proxy before docker-registry that gives tokens for a password and forgets them when told, and
that can stop honouring Range."""
import base64
import http.client
import http.server
import json
import secrets
import threading
import urllib.parse

USER, PASSWORD = "node", "s3cret"


class TokenProxy:
    """`host` is where clients go. `expire()` makes every token worthless; `log` has (method, path, range, status) of each answer."""

    def __init__(self, box, behind):
        self.behind, self.tokens, self.log, self.lock = behind, set(), [], threading.Lock()
        self.honours_ranges, self.asked_for_tokens, self.password = True, 0, PASSWORD
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def handle(self):
                try:
                    super().handle()
                except ConnectionError:
                    pass  # a client that ended with its connections open

            def answer(self):
                proxy.handle(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = answer

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = "127.0.0.1:%d" % self.server.server_port
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        box.undo.callback(self.server.server_close)
        box.undo.callback(self.server.shutdown)

    def expire(self):
        with self.lock:
            self.tokens.clear()

    def handle(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length) if length else b""
        path = urllib.parse.urlsplit(request.path).path
        if path == "/token":
            return self.give_token(request)
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        with self.lock:
            known = kind == "Bearer" and token in self.tokens
        if not known:
            challenge = 'Bearer realm="http://%s/token",service="floe-test"' % self.host
            return self.send(request, 401, [("WWW-Authenticate", challenge)], b"{}")
        return self.forward(request, body)

    def give_token(self, request):
        wanted = "Basic " + base64.b64encode(("%s:%s" % (USER, self.password)).encode()).decode()
        if request.headers.get("Authorization") != wanted:
            return self.send(request, 401, [], b"{}")
        token = secrets.token_hex(16)
        with self.lock:
            self.tokens.add(token)
            self.asked_for_tokens += 1
        return self.send(request, 200, [("Content-Type", "application/json")], json.dumps({"token": token, "expires_in": 60}).encode())

    def forward(self, request, body):
        headers = {name: ", ".join(request.headers.get_all(name)) for name in request.headers.keys()
                   if name.lower() not in ("authorization", "connection")}
        if not self.honours_ranges:
            headers.pop("Range", None)
        upstream = http.client.HTTPConnection(self.behind, timeout=60)
        try:
            upstream.request(request.command, request.path, body or None, headers)
            answer = upstream.getresponse()
            kept = [(name, value) for name, value in answer.getheaders()
                    if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server")]
            data = answer.read()
            size = answer.getheader("Content-Length") if request.command == "HEAD" else None
            self.send(request, answer.status, kept, data, size)
        finally:
            upstream.close()

    def send(self, request, status, headers, body, size=None):
        with self.lock:
            self.log.append((request.command, request.path, request.headers.get("Range"), status))
        try:
            request.send_response(status)
            for name, value in headers:
                request.send_header(name, value)
            request.send_header("Content-Length", size or str(len(body)))
            request.end_headers()
            if request.command != "HEAD":
                request.wfile.write(body)
        except OSError:
            request.close_connection = True  # the client has enough

    def count(self, method, part, status=None):
        with self.lock:
            return sum(1 for m, path, _, s in self.log if m == method and part in path and status in (None, s))
