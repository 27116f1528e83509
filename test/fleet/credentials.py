# SPDX-License-Identifier: Apache-2.0
"""A container's credentials endpoint, as ECS and EKS have one: hands out keys that expire when the test says so."""
import datetime
import http.server
import json
import threading


class Endpoint:
    """Serves on loopback. `give` changes what is handed out from now on; `asked` counts answers since then."""

    TOKEN = "Bearer of-this-test"

    def __init__(self, box):
        self.lock = threading.Lock()
        self.document, self.asked = None, 0
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                allowed = self.headers.get("Authorization") == endpoint.TOKEN
                body = endpoint.answer() if allowed else b"{}"
                self.send_response(200 if allowed and body else 403)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        box.undo.callback(self.server.server_close)
        box.undo.callback(self.server.shutdown)

    def answer(self):
        with self.lock:
            self.asked += 1
            return self.document

    def give(self, keys, seconds):
        expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        document = {"AccessKeyId": keys.access, "SecretAccessKey": keys.secret, "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if keys.token:
            document["Token"] = keys.token
        with self.lock:
            self.document, self.asked = json.dumps(document).encode(), 0

    def environment(self):
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:%d/keys" % self.server.server_port,
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.TOKEN}
