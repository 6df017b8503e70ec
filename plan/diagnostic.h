#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace systole {

/// One manifest file. `path` is only shown in messages.
struct manifest_source {
  std::string path;
  std::string text;
};

/// A byte in one of the manifest's files. Without a file: the command line.
struct source_position {
  static constexpr uint32_t no_file = UINT32_MAX;
  uint32_t file = no_file;
  uint32_t offset = 0;
};

/// Line and column as people count: from 1, columns in characters.
struct line_column {
  uint32_t line = 1;
  uint32_t column = 1;
};
line_column line_column_of(std::string_view text, uint32_t offset);

enum class severity { error, warning };

/// What is wrong, where, and what to do. Codes are stable (docs/manifest.md lists them).
struct diagnostic {
  severity level = severity::error;
  int code = 0;
  source_position at;
  std::string message;
  std::string hint;                   ///< may be empty
  std::vector<std::string> nearest;   ///< did-you-mean, best first
};

/// Collects diagnostics up to limits::manifest_errors; a position has one error at most, so that one mistake is told once.
class diagnostics {
 public:
  void error(int code, source_position at, std::string message, std::string hint = {},
             std::vector<std::string> nearest = {});
  void warning(int code, source_position at, std::string message, std::string hint = {});
  bool has_errors() const { return errors_ != 0; }
  size_t errors() const { return errors_; }
  /// In the order of files and positions.
  std::vector<diagnostic> sorted() const;

 private:
  std::vector<diagnostic> entries_;
  size_t errors_ = 0;
};

/// Renders each as `file:line:column: error[SYS0123]: message`, the source line, a caret, did-you-mean and hint.
std::string render_diagnostics(const std::vector<diagnostic>& entries, const std::vector<manifest_source>& files);

/// The names of `valid` within an edit distance of a third of the length, nearest first, at most three.
std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& valid);

}  // namespace systole
