#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "state/changes/record_stream.h"
#include "state/store/checkpoint_store.h"

namespace rocksdb {
class DB;
class Iterator;
struct Options;
}  // namespace rocksdb

namespace systole {

/// A cursor over a RocksDB base as it was when the cursor was made. One thread.
class base_cursor {
 public:
  ~base_cursor();
  base_cursor(base_cursor&&) noexcept;
  void seek(std::string_view key);
  bool valid() const;
  void next();
  std::string_view key() const;
  std::string_view value() const;
  /// What ended the walk, when valid() is false.
  result<void> status() const;

 private:
  friend class rocks_base;
  explicit base_cursor(std::unique_ptr<rocksdb::Iterator> at);
  std::unique_ptr<rocksdb::Iterator> at_;
};

/// The part of a task's state that is not in its hash tables: one RocksDB without a write-ahead log, filled by sorted files
/// only, in the keys of docs/format/state_keys.md. Reads are thread-safe; what changes it and checkpoint() are called
/// by one thread at a time (tiered_chain). RocksDB's statuses become results here; damage is `corrupt`.
class rocks_base {
 public:
  struct options {
    std::string directory;
    size_t cache_bytes = 8 << 20;
    file_system* files = nullptr;
    checkpoint_store* store = nullptr;
  };
  /// Opens an empty one, or the one whose files are in `directory` already.
  static result<std::unique_ptr<rocks_base>> open(const options& settings);
  /// Brings the files of a checkpoint from the store into `settings.directory` and opens them.
  static result<std::unique_ptr<rocks_base>> restore(const options& settings,
                                                     const std::vector<proto::FileReference>& base);
  /// True where `base` is a RocksDB's (its first file says so) and not a merged segment.
  static result<bool> is_rocks(file_system& files, checkpoint_store& store, const std::vector<proto::FileReference>& base);
  ~rocks_base();

  /// Adds a sorted stream as one file above all others; erased records hide older ones.
  result<void> ingest(record_stream& sorted);
  /// Deletes all entries of a table.
  result<void> drop_table(uint32_t table, key_group_range groups);
  /// Deletes the entries of all other key groups, after a restore of another subtask's base.
  result<void> keep_groups(key_group_range groups);
  /// Puts the files of now into the store; those that are there already are not copied or read again.
  result<std::vector<proto::FileReference>> checkpoint();

  /// False where absent.
  result<bool> get(std::string_view key, std::string& value) const;
  base_cursor cursor() const;
  /// Bytes of all files.
  uint64_t size_bytes() const;
  /// Memory of the block cache and of the files' indexes.
  uint64_t memory_bytes() const;

 private:
  rocks_base(const options& settings, std::unique_ptr<rocksdb::DB> db);
  result<proto::FileReference> put(const std::string& path);

  options settings_;
  std::unique_ptr<rocksdb::DB> db_;
  std::map<std::string, proto::FileReference> stored_;  ///< table files by name; they never change
  uint64_t next_ingest_ = 0;
};

/// Visits the entries of one table and key group, or (maps) of one key. Reads `cursor` from the prefix on; stops when
/// visit returns false.
result<void> scan_base(base_cursor& cursor, std::string_view prefix, table_kind kind,
                       const std::function<bool(const delta_record&)>& visit);

}  // namespace systole
