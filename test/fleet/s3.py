# SPDX-License-Identifier: Apache-2.0
"""A small S3 client of its own (AWS signature version 4, path style, standard library only): what the tests compare floe with, and
what they use to break things behind floe's back. One request a call; every answer is given back, none is an exception."""
import base64
import datetime
import hashlib
import hmac
import http.client
import re
import urllib.parse
import xml.etree.ElementTree

EMPTY = hashlib.sha256(b"").hexdigest()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def code(self):
        """The S3 error's code ("AccessDenied"); "" where there is none."""
        found = re.search(rb"<Code>([^<]*)</Code>", self.body) if self.status >= 300 else None
        return found.group(1).decode() if found else ""

    def __repr__(self):
        return ("%d %s" % (self.status, self.code)).strip()


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _quoted(text, safe="-_.~"):
    return urllib.parse.quote(text, safe=safe)


class Keys:
    """Access key, secret, and the session token of temporary ones."""

    def __init__(self, access, secret, token=""):
        self.access, self.secret, self.token = access, secret, token

    def environment(self):
        named = {"AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_SESSION_TOKEN": self.token}
        return {name: value for name, value in named.items() if value}


class S3:
    """Requests to one endpoint (HOST:PORT, plain http) with one pair of keys."""

    def __init__(self, endpoint, keys, region="us-east-1", seconds=60):
        self.endpoint, self.keys, self.region, self.seconds = endpoint, keys, region, seconds

    def sign(self, method, path, query, headers, payload_hash, service):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers.update({"host": self.endpoint, "x-amz-date": now, "x-amz-content-sha256": payload_hash})
        if self.keys.token:
            headers["x-amz-security-token"] = self.keys.token
        names = sorted(headers)
        canonical = "\n".join([method, path, query, "".join("%s:%s\n" % (n, headers[n]) for n in names), ";".join(names), payload_hash])
        scope = "%s/%s/%s/aws4_request" % (now[:8], self.region, service)
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.keys.secret).encode()
        for part in (now[:8], self.region, service, "aws4_request"):
            key = _hmac(key, part)
        headers["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
            self.keys.access, scope, ";".join(names), hmac.new(key, text.encode(), hashlib.sha256).hexdigest())

    def request(self, method, path, query=(), headers=None, body=b"", service="s3"):
        """`path` as it is, not quoted yet; `headers` with names in lower case."""
        path = _quoted(path, "/-_.~")
        query = "&".join(sorted("%s=%s" % (_quoted(k), _quoted(v)) for k, v in dict(query).items()))
        headers = dict(headers or {})
        self.sign(method, path, query, headers, hashlib.sha256(body).hexdigest() if body else EMPTY, service)
        connection = http.client.HTTPConnection(self.endpoint, timeout=self.seconds)
        try:
            connection.request(method, path + ("?" + query if query else ""), body=body, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers.items()), answer.read())
        finally:
            connection.close()

    def make_bucket(self, bucket):
        return self.request("PUT", "/" + bucket)

    def get(self, bucket, key, headers=None):
        return self.request("GET", "/%s/%s" % (bucket, key), headers=headers)

    def head(self, bucket, key):
        return self.request("HEAD", "/%s/%s" % (bucket, key))

    def put(self, bucket, key, body, absent=False, headers=None):
        """Replaces what is there unless `absent`: then 412 where something is."""
        headers = dict(headers or {}, **({"if-none-match": "*"} if absent else {}))
        headers["x-amz-checksum-sha256"] = base64.b64encode(hashlib.sha256(body).digest()).decode()
        return self.request("PUT", "/%s/%s" % (bucket, key), headers=headers, body=body)

    def delete(self, bucket, key):
        return self.request("DELETE", "/%s/%s" % (bucket, key))

    def delete_many(self, bucket, keys):
        """The batch form, which a policy must refuse as well. Its answer is 200 even where single keys are refused."""
        body = ("<Delete>%s</Delete>" % "".join("<Object><Key>%s</Key></Object>" % key for key in keys)).encode()
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        return self.request("POST", "/" + bucket, {"delete": ""}, {"content-md5": md5}, body)

    def copy(self, bucket, source, target):
        return self.request("PUT", "/%s/%s" % (bucket, target), headers={"x-amz-copy-source": "/%s/%s" % (bucket, source)})

    def start_multipart(self, bucket, key):
        return self.request("POST", "/%s/%s" % (bucket, key), {"uploads": ""})

    def list(self, bucket, prefix="", token=None):
        query = {"list-type": "2", "prefix": prefix, **({"continuation-token": token} if token else {})}
        return self.request("GET", "/" + bucket, query)

    def names(self, bucket, prefix=""):
        """{key: size} of all objects, over all pages."""
        found, token = {}, None
        while True:
            answer = self.list(bucket, prefix, token)
            if answer.status != 200:
                raise OSError("list of %s/%s: %r" % (bucket, prefix, answer))
            page = xml.etree.ElementTree.fromstring(answer.body)
            space = page.tag[:page.tag.index("}") + 1] if "}" in page.tag else ""
            for item in page.iter(space + "Contents"):
                found[item.findtext(space + "Key")] = int(item.findtext(space + "Size"))
            token = page.findtext(space + "NextContinuationToken")
            if not token:
                return found

    def assume_role(self, seconds, policy=None):
        """Temporary keys of this user's rights (and of `policy`, where given); servers take no less than 15 minutes."""
        form = {"Action": "AssumeRole", "Version": "2011-06-15", "DurationSeconds": str(seconds), **({"Policy": policy} if policy else {})}
        answer = self.request("POST", "/", headers={"content-type": "application/x-www-form-urlencoded"},
                              body=urllib.parse.urlencode(form).encode(), service="sts")
        if answer.status != 200:
            raise OSError("AssumeRole: %r" % answer)
        field = {name: re.search(("<%s>([^<]*)</%s>" % (name, name)).encode(), answer.body).group(1).decode()
                 for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
        return Keys(field["AccessKeyId"], field["SecretAccessKey"], field["SessionToken"])
