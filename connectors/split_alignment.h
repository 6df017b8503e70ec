#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace systole {

/// How far the slowest split of each reader of a source has come: of this process's readers as they tell it, of other
/// processes' as those were last heard (coordination/source_progress.h). Event times are as announced, out-of-orderness not
/// taken off; watermark_end: no split that anybody should wait for. Thread-safe.
class split_alignment {
 public:
  /// A reader of this process is waited for once it has told something.
  void tell(size_t reader, timestamp_us slowest);
  /// The same of another process; `who` names it.
  void hear(std::string_view who, timestamp_us slowest);

  /// Of this process's readers.
  timestamp_us slowest_here() const;
  /// Of all that are known.
  timestamp_us slowest() const;

 private:
  timestamp_us slowest_reader() const;

  mutable std::mutex mutex_;
  std::map<size_t, timestamp_us> here_;
  std::map<std::string, timestamp_us, std::less<>> elsewhere_;
};

}  // namespace systole
