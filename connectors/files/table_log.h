#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "connectors/files/table_publication.h"

namespace systole {

/// Rows as text in a range of a file of the log.
struct log_part {
  std::string name;     ///< "<begun after epoch>-a<attempt>-<start>.log", see file_origin; start: of the file in the whole log
  uint64_t from = 0;    ///< in the file
  uint64_t bytes = 0;
  uint64_t rows = 0;
  uint64_t xxh3 = 0;    ///< of the range
};

/// The log of a table of appended rows: a part of each attempt that wrote any, in order. A part that is in a checkpoint
/// is not written to any more but by its own attempt, behind what the checkpoint holds (docs/format/table_file.md).
struct table_log {
  uint64_t epoch = 0;   ///< that it was sealed with
  std::vector<log_part> parts;

  uint64_t bytes() const;
  std::string encode() const;
  /// Also version 1, of one file that was cut on recovery; its part has no checksum.
  static result<table_log> decode(std::string_view bytes);
};

/// Where the log's files lie, and who writes.
struct table_log_place {
  file_system* files = nullptr;
  std::string folder;
  uint64_t attempt = 0;

  std::string path_of(const std::string& name) const { return folder + "/" + name; }
  std::string new_name(uint64_t begun_after, uint64_t start) const;
};

/// Gives the log's bytes, each part's checked. `corrupt` names the file that is damaged or short.
result<void> read_log(const table_log_place& place, const table_log& log, const table_publication::put_block& put);

/// Finds a checkpoint's parts: where a part's file is gone (it was folded, and then the job was rewound) its bytes are in
/// another one.
result<table_log> find_parts(const table_log_place& place, table_log log);

/// Makes a checkpoint's log one that this attempt can go on from: finds its parts, and folds where there are many, newest
/// first, so that a byte is copied a number of times that grows with the logarithm of the log.
result<table_log> restore_log(const table_log_place& place, std::string_view bytes);

/// Removes files of attempts before this one that the log does not name. `names`: of the folder, listed before the fence was
/// asked.
result<void> remove_unnamed(const table_log_place& place, const table_log& log, const std::vector<std::string>& names);

}  // namespace systole
