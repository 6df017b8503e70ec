#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace systole {

/// Reads the event-stream format (HTML standard, 9.2) from pieces of any size. Comments, ids and retry times are passed
/// over.
class event_reader {
 public:
  explicit event_reader(size_t most_bytes) : most_bytes_(most_bytes) {}
  /// Calls `on_event` for each event that is whole; false once it has said false. `limit_exceeded` for an event of more
  /// than the most bytes.
  result<bool> take(std::string_view bytes,
                    const std::function<bool(std::string_view name, std::string_view data)>& on_event);

 private:
  void on_line();

  const size_t most_bytes_;
  std::string line_;
  std::string name_;
  std::string data_;
  bool has_data_ = false;
  bool after_return_ = false;  ///< a newline now belongs to the return before it
};

}  // namespace systole
