// SPDX-License-Identifier: Apache-2.0
// room: erofs
// Writes seeds for fuzz_image: a small image with every kind of inode.
#include <fstream>
#include <iostream>

#include "test/unit/erofs/image_helper.h"

int main(int argc, char** argv) {
  using namespace floe::erofs;
  if (argc != 2) {
    std::cerr << "usage: fuzz_image_seeds FOLDER\n";
    return 2;
  }
  TreeMaker maker;
  const InodeId directory = maker.Directory(0755, 3);
  const InodeId file = maker.File("content", 0644, 9);
  maker.tree.inode(file).xattrs =
      maker.tree.xattrs().Intern({{"user.a", "1"}, {"security.b", std::string(1500, 'b')}});
  const InodeId link = maker.Symlink("somewhere");
  std::vector<std::pair<absl::string_view, InodeId>> entries{{"d", directory}, {"l", link}};
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("name" + std::to_string(i));
  for (const std::string& name : names) entries.emplace_back(name, file);
  if (!maker.tree.SetEntries(directory, {{"f", file}}).ok()) return 1;
  if (!maker.tree.SetEntries(kRoot, std::move(entries)).ok()) return 1;
  const absl::StatusOr<floe::Bytes> image = maker.Write();
  if (!image.ok()) return 1;
  std::ofstream(std::string(argv[1]) + "/image", std::ios::binary) << floe::AsText(*image);
  return 0;
}
