// SPDX-License-Identifier: Apache-2.0
// Random layers against a model so simple that it can be believed: maps from path to content, the
// rules of the OCI specification applied name by name. The model knows no inodes and no laziness.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>
#include <random>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "converter/flatten/flatten.h"
#include "test/unit/converter/flatten/tar_maker.h"
#include "test/unit/erofs/image_helper.h"

namespace floe::converter {
namespace {

// "" is a directory, anything else a file's content or "->target".
using Model = std::map<std::string, std::string>;

struct Layer {
  TarMaker tar;
  Model own;                        // what the layer itself has at its end
  std::set<std::string> whiteouts;  // hidden paths
  std::set<std::string> opaque;
};

void RemoveTree(Model& model, const std::string& path) {
  model.erase(path);
  for (auto it = model.lower_bound(path + "/");
       it != model.end() && absl::StartsWith(it->first, path + "/");) {
    it = model.erase(it);
  }
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

void MakeParents(Model& model, const std::string& path) {
  for (std::string at = ParentOf(path); !at.empty(); at = ParentOf(at)) model.emplace(at, "");
}

// What an overlay with this layer on top shows.
Model Apply(Model below, const Layer& layer) {
  for (const std::string& path : layer.whiteouts) RemoveTree(below, path);
  for (const std::string& path : layer.opaque) {
    const auto found = below.find(path);
    if (found == below.end()) continue;
    RemoveTree(below, path);
    below[path] = "";
  }
  for (const auto& [path, content] : layer.own) {
    const auto found = below.find(path);
    if (found != below.end() && (!content.empty() || !found->second.empty())) {
      RemoveTree(below, path);
    }
    below[path] = content;
  }
  return below;
}

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  Layer MakeLayer(bool bottom) {
    Layer layer;
    const size_t count = 5 + random_() % 40;
    for (size_t i = 0; i < count; ++i) {
      const std::string path = Path();
      if (!ParentsAreDirectories(layer, path)) continue;
      const uint32_t kind = random_() % 10;
      if (kind < 4) {
        Put(layer, path, "content " + std::to_string(random_() % 1000), '0');
      } else if (kind < 7) {
        PutDirectory(layer, path);
      } else if (kind == 7) {
        Put(layer, path, "->" + std::to_string(random_() % 10), '2');
      } else if (!bottom && kind == 8) {
        PutWhiteout(layer, path);
      } else if (!bottom) {
        PutOpaque(layer, path);
      }
    }
    return layer;
  }

 private:
  std::string Path() {
    std::vector<std::string> names(1 + random_() % 4);
    for (std::string& name : names) name = std::string(1, static_cast<char>('a' + random_() % 5));
    return absl::StrJoin(names, "/");
  }
  static bool ParentsAreDirectories(const Layer& layer, const std::string& path) {
    for (std::string at = ParentOf(path); !at.empty(); at = ParentOf(at)) {
      const auto found = layer.own.find(at);
      if (found != layer.own.end() && !found->second.empty()) return false;
      if (layer.whiteouts.count(at) != 0) return false;
    }
    return true;
  }
  static void Put(Layer& layer, const std::string& path, const std::string& content, char type) {
    if (layer.opaque.lower_bound(path) != layer.opaque.end()) {
      // A file that replaces an opaque directory takes its marks along.
      for (auto it = layer.opaque.begin(); it != layer.opaque.end();) {
        const bool gone = *it == path || absl::StartsWith(*it, path + "/");
        it = gone ? layer.opaque.erase(it) : std::next(it);
      }
    }
    DropWhiteouts(layer, path);
    RemoveTree(layer.own, path);
    MakeParents(layer.own, path);
    layer.own[path] = content;
    if (type == '2') {
      layer.tar.Symlink(path, content.substr(2));
    } else {
      layer.tar.File(path, content);
    }
  }
  static void PutDirectory(Layer& layer, const std::string& path) {
    const auto found = layer.own.find(path);
    if (found == layer.own.end() || !found->second.empty()) {
      RemoveTree(layer.own, path);
      DropWhiteouts(layer, path);
    }
    MakeParents(layer.own, path);
    layer.own[path] = "";
    layer.tar.Dir(path);
  }
  // A whiteout is a name of its layer: what comes there later replaces it.
  static void DropWhiteouts(Layer& layer, const std::string& path) {
    for (auto it = layer.whiteouts.begin(); it != layer.whiteouts.end();) {
      const bool gone = *it == path || absl::StartsWith(*it, path + "/");
      it = gone ? layer.whiteouts.erase(it) : std::next(it);
    }
  }
  static void PutWhiteout(Layer& layer, const std::string& path) {
    const std::string parent = ParentOf(path);
    const std::string name = parent.empty() ? path : path.substr(parent.size() + 1);
    layer.tar.File(parent.empty() ? ".wh." + name : parent + "/.wh." + name, "");
    MakeParents(layer.own, path);
    const auto found = layer.own.find(path);
    if (found == layer.own.end()) {
      layer.whiteouts.insert(path);
    } else if (found->second.empty()) {
      layer.opaque.insert(path);
    }
  }
  static void PutOpaque(Layer& layer, const std::string& path) {
    const auto found = layer.own.find(path);
    if (found != layer.own.end() && !found->second.empty()) return;
    if (layer.whiteouts.count(path) != 0) return;
    MakeParents(layer.own, path);
    layer.own[path] = "";
    layer.opaque.insert(path);
    layer.tar.File(path + "/.wh..wh..opq", "");
  }

  std::mt19937 random_;
};

void ReadModel(const erofs::Tree& tree, const Bytes& image, erofs::InodeId id,
               const std::string& path, Model& model) {
  const erofs::Inode& inode = tree.inode(id);
  for (const erofs::Entry* entry = tree.begin(inode); entry != tree.end(inode); ++entry) {
    const std::string name = std::string(tree.Name(*entry));
    const std::string child_path = path.empty() ? name : path + "/" + name;
    const erofs::Inode& child = tree.inode(entry->inode);
    if (child.IsDirectory()) {
      model[child_path] = "";
      ReadModel(tree, image, entry->inode, child_path, model);
    } else if (child.IsSymlink()) {
      model[child_path] = "->" + std::string(tree.Target(child));
    } else {
      model[child_path] = std::string(AsText(ByteView(image).subspan(child.data, child.size)));
    }
  }
}

class MergeModel : public testing::TestWithParam<uint32_t> {};

TEST_P(MergeModel, FlatImagesShowWhatTheModelSays) {
  Generator generator(GetParam());
  const TempDir directory = *TempDir::Create();
  FlattenOptions options;
  options.work_dir = directory.path();
  options.threads = 1 + static_cast<int>(GetParam() % 3);
  Model expected;
  std::vector<LayerInput> inputs;
  for (uint32_t i = 0; i < 2 + GetParam() % 5; ++i) {
    const Layer layer = generator.MakeLayer(i == 0);
    expected = Apply(std::move(expected), layer);
    inputs.emplace_back();
    inputs.back().open = StringStream::Opener(layer.tar.End());
  }
  const absl::StatusOr<std::unique_ptr<FlatImage>> flat = Flatten(inputs, options);
  ASSERT_TRUE(flat.ok()) << flat.status();
  erofs::MemorySink sink;
  ASSERT_TRUE((*flat)->Emit(sink).ok());
  const absl::StatusOr<erofs::Tree> tree =
      erofs::ReadTree(erofs::ReadFrom(sink.bytes), sink.bytes.size());
  ASSERT_TRUE(tree.ok()) << tree.status();
  Model shown;
  ReadModel(*tree, sink.bytes, erofs::kRoot, "", shown);
  EXPECT_EQ(shown, expected);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MergeModel, testing::Range(0u, 300u));

}  // namespace
}  // namespace floe::converter
