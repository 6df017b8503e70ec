#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace systole {

/// A part of a file sink's output, from its staged file to its published one (docs/format/file_sink.md).
struct file_part {
  std::string staged;           ///< name in the staging folder, see file_origin
  std::string published;        ///< name in the output folder
  uint64_t epoch = 0;           ///< the epoch that it ends with
  uint64_t bytes = 0;
  uint64_t rows = 0;
  uint64_t xxh3 = 0;            ///< of all its bytes
};

std::string encode_parts(const std::vector<file_part>& parts);
result<std::vector<file_part>> decode_parts(std::string_view bytes);

/// Where a sink's files lie.
struct file_sink_place {
  std::string folder;           ///< the output folder
  std::string staging;          ///< folder/.staging-<step>
};
file_sink_place place_of(const std::string& folder, const std::string& step);
/// A sink's own folder in the outbox directory.
std::string outbox_folder_of(const std::string& outbox_directory, const std::string& step);

/// What the writers of a sink learn from its committer in the same process, or by sink_factory::on_committed: epochs up
/// to it need no publishing any more.
using committed_epoch = std::shared_ptr<std::atomic<uint64_t>>;
/// Never goes back, whoever tells.
void raise(const committed_epoch& committed, uint64_t epoch);

}  // namespace systole
