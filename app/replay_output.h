#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/result.h"

namespace systole {

/// Where records are written, a line each: a new file that appears under its name only when it is whole, so that a job
/// which follows its folder never sees half of it, or standard output.
class replay_output {
 public:
  /// `path` empty: standard output. `already_exists` where the file is there: a replay adds to nothing.
  static result<std::unique_ptr<replay_output>> open(const std::string& path);
  /// Without finish() nothing of the file is left.
  ~replay_output();
  replay_output(const replay_output&) = delete;
  replay_output& operator=(const replay_output&) = delete;

  result<void> write(std::string_view record);
  /// Makes the file durable and gives it its name; an empty one is not made.
  result<void> finish();

 private:
  replay_output(std::string path, std::string draft, std::unique_ptr<writable_file> file)
      : path_(std::move(path)), draft_(std::move(draft)), file_(std::move(file)) {}
  result<void> flush();

  std::string path_, draft_;
  std::unique_ptr<writable_file> file_;  ///< null: standard output
  std::string buffer_;
};

}  // namespace systole
