// SPDX-License-Identifier: Apache-2.0
// room: converter_flatten
// Writes seeds for fuzz_tar: one tar with every kind of entry, plain and compressed.
#include <fstream>
#include <iostream>

#include "test/unit/converter/flatten/packed.h"
#include "test/unit/converter/flatten/tar_maker.h"

int main(int argc, char** argv) {
  using floe::converter::TarMaker;
  if (argc != 2) {
    std::cerr << "usage: fuzz_tar_seeds FOLDER\n";
    return 2;
  }
  const auto put = [folder = std::string(argv[1])](const std::string& name,
                                                   const std::string& bytes) {
    std::ofstream(folder + "/" + name, std::ios::binary) << bytes;
  };
  TarMaker kinds;
  kinds.Dir("d").File("d/f", std::string(600, 'x')).Symlink("s", "d").HardLink("h", "d/f");
  kinds.Add({.name = "c", .type = '3', .device_major = 1, .device_minor = 3});
  kinds.Add({.name = "p", .type = '6'}).File("s/through", "1").File("d/.wh.f", "");
  kinds.File("d/.wh..wh..opq", "");
  kinds.Add({.name = "n", .data = std::string(300, 'n'), .type = 'L'}).File("short", "2");
  kinds.Add({.name = "x",
             .data = "1",
             .mtime = 5,
             .pax = {{"path", "long"}, {"mtime", "1.5"}, {"SCHILY.xattr.user.a", "b"}}});
  std::string map = "1\n0\n5\n";
  map.resize(512);
  kinds.Add(
      {.name = "y",
       .data = map + "holey",
       .pax = {
           {"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "9000"}}});
  put("kinds", std::string(1, '\0') + kinds.End());
  put("two-layers", std::string(1, '\1') + kinds.tar() + kinds.tar());
  put("gzip", std::string(1, '\0') + floe::converter::Gzip(kinds.End()));
  put("zstd", std::string(1, '\0') + floe::converter::Zstd(kinds.End()));
  return 0;
}
