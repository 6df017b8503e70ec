#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/result.h"
#include "connectors/factory.h"

namespace systole {

/// On whose behalf a committer works: an attempt, and the coordinator that leads it.
struct sink_owner {
  uint64_t term = 0;
  uint64_t attempt = 0;
  std::function<bool()> still_current = [] { return true; };
  bool fences = true;  ///< see safeguards
};
inline sink_owner owner_of(const connector_context& context) {
  return {context.term.value, context.attempt, context.still_current, context.guards.fencing};
}

/// Keeps an older owner that wakes up late from replacing or removing files of a newer one
/// (docs/decisions/0011-zombies-and-outboxes.md). Each owner leaves its name in `folder` when it takes over.
///
/// Replacing: the temporary file is the owner's own; between writing and renaming it the owner asks whether it is still
/// current; who takes over removes the older ones' temporary files first. So a rename that was held up after the answer
/// finds no file.
/// Removing: list, then check(), then remove only what was listed, which a newer owner cannot have made.
/// Owned by a committer; its thread.
class sink_fence {
 public:
  /// `folder`: the sink's own, which all owners see; empty: only the owner's own word counts.
  sink_fence(file_system& files, std::string folder, sink_owner owner)
      : files_(files), folder_(std::move(folder)), owner_(std::move(owner)) {}

  /// First of all in recover() and adopt(): from here on older owners are fenced.
  result<void> take_over();
  /// `fenced` where a newer owner has taken over.
  result<void> check() const;
  /// Removes older owners' temporary files from a folder, of names that begin with `prefix`.
  result<void> disarm_older(const std::string& folder, std::string_view prefix = "") const;

  /// Where the file `path` is written before it is published: beside it, or in `folder` of the same file system.
  std::string temporary_of(const std::string& path, std::string folder = "") const;
  /// Gives a synced temporary file its name, durably.
  result<void> publish(const std::string& temporary, const std::string& path) const;
  /// All of this, for a small file.
  result<void> replace(const std::string& path, std::string_view bytes, const std::string& folder = "") const;
  const sink_owner& owner() const { return owner_; }

 private:
  file_system& files_;
  std::string folder_;
  sink_owner owner_;
};

}  // namespace systole
