#pragma once

#include <rocksdb/status.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace systole {

/// RocksDB's status as a result: `corrupt`, `disk_full` or `io`. The message holds no keys or values.
result<void> to_result(const rocksdb::Status& status, std::string_view what, const std::string& path);

}  // namespace systole
