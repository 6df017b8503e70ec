#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "connectors/files/table_publication.h"
#include "data/batch.h"
#include "data/key_encoding.h"
#include "formats/record_encoder.h"

namespace systole {

/// A table's current rows as text lines: by key, or as a multiset. One thread.
class table_rows {
 public:
  table_rows(std::string format, schema columns, std::vector<size_t> key);

  /// Applies netted changes (deletions before insertions, see epoch_changes).
  void apply(const batch& rows);
  size_t size() const { return lines_.size(); }
  void clear() { lines_.clear(); }
  /// The whole table as text with its header, lines in the order of their keys. `data` where a multiset has a row less
  /// than no times.
  result<void> write(const table_publication::put_block& put) const;

  /// The rows as a file's bytes, for restarts, and read back with their checksum checked.
  std::string saved() const;
  result<void> load(file_system& files, const std::string& path);

 private:
  struct line {
    std::string text;
    int64_t count = 0;  ///< of a multiset; 1 with a key
  };
  std::string format_;
  schema columns_;
  std::vector<size_t> key_;
  std::unique_ptr<record_encoder> encoder_;
  absl::flat_hash_map<std::string, line> lines_;
  encoded_keys encoded_;
  encode_buffer text_;
  std::vector<size_t> line_ends_;
};

}  // namespace systole
