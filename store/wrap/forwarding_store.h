// SPDX-License-Identifier: Apache-2.0
// The common half of the wrappers: everything passed on. A wrapper overrides what it changes.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "store/chunk_store.h"
#include "store/outstanding_calls.h"

namespace floe::store {

// Thread safe. A subclass counts with `calls_` every callback of its own that captures `this`, and
// waits for them in its destructor (WaitUntilNone) before its members go.
class ForwardingStore : public ChunkStore {
 public:
  explicit ForwardingStore(std::shared_ptr<ChunkStore> inner) : inner_(std::move(inner)) {}

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override {
    inner_->Get(id, options, std::move(done));
  }
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override {
    inner_->Put(chunk, options, std::move(done));
  }
  void List(const std::string& from, size_t limit, const RequestOptions& options,
            ListCallback done) override {
    inner_->List(from, limit, options, std::move(done));
  }
  absl::Status Sync() override { return inner_->Sync(); }
  std::string Name() const override { return inner_->Name(); }

 protected:
  ChunkStore& inner() { return *inner_; }

 private:
  const std::shared_ptr<ChunkStore> inner_;

 protected:
  OutstandingCalls calls_;
};

}  // namespace floe::store
