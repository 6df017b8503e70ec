#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "connectors/outbox/sink_fence.h"
#include "formats/encode_buffer.h"

namespace systole {

/// Replaces a table file as a whole: temporary file, fsync, rename, fsync of the folder; at most once per interval. What an
/// older owner writes late is fenced, see sink_fence.
class table_publication {
 public:
  /// References outlive it.
  table_publication(file_system& files, const sink_fence& fence, std::string path, std::string compression,
                    int64_t interval_us, const clock& time);

  /// True where it is time to publish: never done, or the interval is over.
  bool is_due() const;
  /// Gives blocks of the file's text to `put`.
  using put_block = std::function<result<void>(std::string_view)>;
  result<void> publish(const std::function<result<void>(const put_block&)>& write_all);
  const std::string& path() const { return path_; }
  /// Creates the folder, and takes away what older owners were about to publish. After the fence's take_over().
  result<void> take_over();

 private:
  file_system& files_;
  const sink_fence& fence_;
  std::string path_;
  std::string compression_;
  int64_t interval_us_;
  const clock& time_;
  bool published_ = false;
  std::chrono::nanoseconds last_{0};
};

}  // namespace systole
