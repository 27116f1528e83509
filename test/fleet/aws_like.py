# SPDX-License-Identifier: Apache-2.0
"""What AWS does and MinIO does not, as a proxy in front of MinIO."""
import http.client
import http.server
import threading
import urllib.parse

from network import HERE

DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
EXPIRED = b"<?xml version='1.0'?><Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
HOP = ("connection", "transfer-encoding", "keep-alive", "content-length")


class AwsLike:
    """With `refuses`, an object that is not there is refused (403), not missing (404), as if nobody might list the whole bucket. Access
    keys in `expired` get 400 ExpiredToken. `renamed` counts answers that were changed."""

    def __init__(self, box, upstream, port=9100, refuses=True):
        self.upstream, self.refuses, self.expired, self.renamed = upstream, refuses, set(), 0
        self.endpoint = "%s:%d" % (HERE, port)
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, answer = proxy.answer(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                length = dict(headers).get("Content-Length") if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((HERE, port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        box.undo.callback(self.server.server_close)
        box.undo.callback(self.server.shutdown)

    def answer(self, method, path, headers, body):
        """Status, headers and body; the signature stays good because the name in Host does."""
        if any("Credential=%s/" % key in headers.get("authorization", "") for key in self.expired):
            return self.changed(400, EXPIRED)
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name != "expect":
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if self.refuses and answer.status == 404 and method in ("GET", "HEAD") and "/" in urllib.parse.urlsplit(path).path.strip("/"):
            return self.changed(403, DENIED)
        return answer.status, answer.getheaders(), text

    def changed(self, status, text):
        self.renamed += 1
        return status, [("Content-Type", "application/xml")], text
