// SPDX-License-Identifier: Apache-2.0
// room: base
#include <string>

#include "base/file.h"

int main(int, char** argv) {
  const std::pair<char, const char*> seeds[] = {
      {0, "docker.io/library/alpine:3.19"},
      {0,
       "[::1]:5000/a__b/c-d:T@sha256:"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
      {0, "oci-archive:/a/b.tar:docker.io/x:1"},
      {1,
       "Bearer realm=\"https://auth.test/token\",service=\"s\",scope=\"repository:a/b:pull,push\""},
      {1, "Basic realm=\"x\", Negotiate, Bearer realm=y"},
      {1, "bytes 5-9/10"},
      {1, "0-1234"},
      {1, "Sun, 06 Nov 1994 08:49:37 GMT"},
      {1, "../../x?a=b%2F#c"},
      {2, "{\"token\":\"abc\",\"access_token\":\"def\",\"expires_in\":300}"},
      {3,
       "server = \"https://r.test\"\n[host.\"https://m.test/x\"]\ncapabilities = [\"pull\"]\n"
       "ca = [\"a\", \"b\"]\nclient = [[\"c\", \"k\"]]\ndial_timeout = \"1m5s\"\n"
       "[host.\"https://m.test/x\".header]\nx = [\"1\"]\n"}};
  int count = 0;
  for (const auto& [kind, text] : seeds) {
    (void)floe::WriteFileAtomically(std::string(argv[1]) + "/seed" + std::to_string(count++),
                                    floe::AsBytes(std::string(1, kind) + text), 0644,
                                    floe::Replace::kYes, floe::Durable::kNo);
  }
  return 0;
}
