#pragma once

#include <absl/container/flat_hash_map.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "data/batch.h"
#include "data/key_encoding.h"

namespace systole {

/// Gathers one epoch's changes of a shard and nets them: equal rows cancel whatever the order in which an insertion and
/// its retraction come; deletions precede insertions. One thread.
///
/// With a key, each key ends with one row or none. Streams that leave -U out (a +U replaces its key's row) are told by a
/// key that has +U but no -U: then the last change counts. Otherwise two live rows of one key are an error.
class epoch_changes {
 public:
  /// `key`: indexes of key columns; none: a multiset of rows.
  epoch_changes(std::string sink, std::vector<size_t> key) : sink_(std::move(sink)), key_(std::move(key)) {}

  void add(const batch& rows);
  bool empty() const { return batches_.empty(); }
  size_t memory_bytes() const { return memory_bytes_; }
  /// The net changes as batches with kinds `erase` and `insert`, deletions first; starts anew. `data` (21000) for two
  /// live rows of one key.
  result<std::vector<batch>> take();

 private:
  struct place {
    uint32_t batch = 0;
    uint32_t row = 0;
  };
  struct row_net {
    int64_t net = 0;
    place last;
    std::string key;
  };
  struct key_changes {
    bool has_update_before = false;
    bool has_update_after = false;
    row_kind last_kind = row_kind::insert;
    place last;
    int64_t live = 0;    ///< rows left over, at take()
    int64_t erased = 0;
    place live_row, erased_row;
  };
  result<void> net_keys(std::vector<place>& erased, std::vector<place>& inserted);
  batch gather_places(const std::vector<place>& places, row_kind kind) const;

  std::string sink_;
  std::vector<size_t> key_;
  std::vector<batch> batches_;
  absl::flat_hash_map<std::string, row_net> rows_;
  absl::flat_hash_map<std::string, key_changes> keys_;
  encoded_keys encoded_rows_, encoded_keys_;
  size_t memory_bytes_ = 0;
};

}  // namespace systole
