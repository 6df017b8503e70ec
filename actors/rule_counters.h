#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace systole {

/// A step's rejections (or flags) by rule in one task since the attempt began: the task's thread writes, any thread reads
/// at any time. A rule that is met for the first time costs an allocation, a count costs none; rules beyond
/// limits::metric_rules are counted together as "other".
class rule_counters {
 public:
  rule_counters() = default;
  ~rule_counters() {
    for (const entry* each = first_.load(std::memory_order_relaxed); each;) delete std::exchange(each, each->next);
  }
  rule_counters(const rule_counters&) = delete;
  rule_counters& operator=(const rule_counters&) = delete;

  /// What a restored task has already: counts begin here. Call once, before publish().
  void begin(const std::map<std::string, uint64_t>& restored) { base_ = restored; }

  /// `totals` only ever grows; the same map in each call. Task's thread.
  void publish(const std::map<std::string, uint64_t>& totals) {
    if (totals.size() != known_.size()) know(totals);
    for (const known& each : known_)
      if (each.into) each.into->count.store(*each.total - each.base, std::memory_order_relaxed);
    if (other_) {
      uint64_t sum = 0;
      for (const known& each : known_)
        if (!each.into) sum += *each.total - each.base;
      other_->count.store(sum, std::memory_order_relaxed);
    }
  }

  /// Adds the counts to `to`. Any thread.
  void add_to(std::map<std::string, uint64_t>& to) const {
    for (const entry* each = first_.load(std::memory_order_acquire); each; each = each->next)
      to[each->rule] += each->count.load(std::memory_order_relaxed);
  }

 private:
  struct entry {
    std::string rule;
    std::atomic<uint64_t> count{0};
    const entry* next = nullptr;
  };
  struct known {
    const uint64_t* total;  ///< in the map, whose nodes stay where they are
    uint64_t base;
    entry* into;  ///< null: counted in other_
  };

  entry* add(std::string rule) {
    auto made = std::make_unique<entry>();
    made->rule = std::move(rule);
    made->next = first_.load(std::memory_order_relaxed);
    first_.store(made.get(), std::memory_order_release);
    return made.release();
  }
  void know(const std::map<std::string, uint64_t>& totals) {
    for (const auto& [rule, total] : totals) {
      bool is_known = false;
      for (const known& each : known_) is_known = is_known || each.total == &total;
      if (is_known) continue;
      const auto restored = base_.find(rule);
      const bool fits = known_.size() < limits::metric_rules;
      if (!fits && !other_) other_ = add("other");
      known_.push_back({&total, restored == base_.end() ? 0 : restored->second, fits ? add(rule) : nullptr});
    }
  }

  std::map<std::string, uint64_t> base_;
  std::vector<known> known_;
  entry* other_ = nullptr;
  std::atomic<const entry*> first_{nullptr};
};

}  // namespace systole
