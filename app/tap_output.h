#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace systole {

/// Rows of a tap as lines on standard output, each as it comes: NDJSON as the server wrote it, or a table whose columns
/// are as wide as the first row wants them.
class tap_output {
 public:
  explicit tap_output(bool table) : table_(table) {}
  /// A row as the API gives it. False where standard output takes no more.
  bool write(std::string_view json);

 private:
  std::string table_line(std::string_view json);

  const bool table_;
  std::vector<size_t> widths_;  ///< of the first row
};

}  // namespace systole
