#include "app/replay_output.h"

#include <unistd.h>

#include <cstdio>

#include "base/limits.h"
#include "connectors/outbox/durable_directory.h"

namespace systole {
result<std::unique_ptr<replay_output>> replay_output::open(const std::string& path) {
  if (path.empty()) return std::unique_ptr<replay_output>(new replay_output({}, {}, nullptr));
  file_system& files = posix_file_system();
  SYSTOLE_ASSIGN(const bool is_there, files.exists(path));
  if (is_there) return fail(error_code::already_exists, "the file is there already: " + path);
  // A name that a pattern such as *.ndjson does not match.
  const std::string draft =
      folder_of(path) + "/." + path.substr(path.rfind('/') + 1) + "." + std::to_string(::getpid());
  SYSTOLE_ASSIGN(auto file, files.create(draft));
  return std::unique_ptr<replay_output>(new replay_output(path, draft, std::move(file)));
}

replay_output::~replay_output() {
  if (!file_) return;
  file_.reset();
  // What could not be removed has a hidden name that no source reads.
  if (auto removed = posix_file_system().remove(draft_); !removed)
    std::fprintf(stderr, "systole: %s\n", removed.error().message.c_str());
}

result<void> replay_output::write(std::string_view record) {
  buffer_ += record;
  buffer_ += '\n';
  return buffer_.size() < limits::read_chunk_bytes ? result<void>() : flush();
}

result<void> replay_output::flush() {
  if (file_) {
    SYSTOLE_TRY(file_->append(buffer_));
  } else if (std::fwrite(buffer_.data(), 1, buffer_.size(), stdout) != buffer_.size() || std::fflush(stdout) != 0) {
    return fail(error_code::io, "standard output takes no more");
  }
  buffer_.clear();
  return {};
}

result<void> replay_output::finish() {
  SYSTOLE_TRY(flush());
  if (!file_ || file_->size() == 0) return {};
  file_system& files = posix_file_system();
  SYSTOLE_TRY(file_->sync());
  SYSTOLE_TRY(file_->close());
  SYSTOLE_TRY(files.rename_no_replace(draft_, path_));
  file_.reset();
  return files.sync_directory(folder_of(path_));
}

}  // namespace systole
