#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/ids.h"
#include "base/result.h"

namespace systole {

/// Which attempt began a file of an outbox, after which epoch. The name tells: "<epoch>-a<attempt>-<rest>", so that an
/// older attempt that wakes up late never has a newer one's file under its hands. Names without an attempt, of older
/// versions ("<epoch>-<rest>"), are attempt 0's.
struct file_origin {
  uint64_t begun_after = 0;
  uint64_t attempt = 0;
};
std::string name_of(const file_origin& origin, std::string_view rest);
/// Nothing for a foreign name.
std::optional<file_origin> origin_of(std::string_view name);

/// Removes from `folder` what attempts before `attempt` began at or after the restored epoch: its rows come again.
result<void> remove_begun_later(file_system& files, const std::string& folder, std::string_view suffix, epoch_id last_completed,
                                uint64_t attempt);
/// Removes all that attempts before `attempt` left behind. Once it owes them nothing any more.
result<void> remove_left_behind(file_system& files, const std::string& folder, std::string_view suffix, uint64_t attempt);

}  // namespace systole
