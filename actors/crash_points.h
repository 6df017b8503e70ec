#pragma once

#include <atomic>
#include <string>
#include <string_view>

namespace systole {

/// Test hook: ends the process at once (as kill -9 would) when a named point of a checkpoint's life is reached for the
/// n-th time, or stops it (as kill -STOP would) then and each time after. Points: barrier, sealed, durable, metadata, completed,
/// before_commit, mid_commit, after_commit, and asked: a coordinator's committer was just told that it is the job's.
/// Thread-safe.
class crash_points {
 public:
  /// "sealed:3", "asked:20:stop"; empty: never.
  explicit crash_points(const std::string& crash_at);
  void reach(std::string_view point) const;

 private:
  std::string point_;
  bool stops_ = false;
  mutable std::atomic<int> left_{0};
};

}  // namespace systole
