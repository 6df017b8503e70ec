#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/support/seed.h"

namespace systole::testing {

/// Which rules hold in a simulated cluster. Each can be left out, to see that the simulation notices.
struct simulated_guards {
  bool attempt = true;     ///< frames of other attempts are dropped
  bool term = true;        ///< workers refuse orders of lower terms
  bool create = true;      ///< a log record's number is created by one process only
  bool sequence = true;    ///< doubled frames are dropped, missing ones noticed
  bool alignment = true;   ///< channels whose barrier came wait for the others
  bool sink_epoch = true;  ///< a sink commits an epoch only after the one before it, and once
  bool previous = true;    ///< the barrier says which epoch is complete
};

/// Time, processes and the network of a simulated cluster. Everything that happens is an event at a time in one
/// process; a process that stands still has its events when it wakes, one that died has none any more.
class simulated_world {
 public:
  struct process {
    uint64_t life = 0;
    bool alive = true;
    timestamp_us paused_until = 0;
  };
  /// How bad the network is now. Probabilities.
  struct weather {
    double loss = 0, twice = 0;
    int64_t longest_delay_us = 5'000;
  };

  simulated_world(uint64_t seed, size_t processes) : random(seed), processes_(processes), cut_(processes * processes) {}

  void at(size_t where, int64_t delay_us, std::function<void()> what) {
    push({now_us + delay_us, ++order_, where, processes_[where].life, std::move(what)});
  }
  /// Of the world itself.
  void happen(int64_t delay_us, std::function<void()> what) {
    push({now_us + delay_us, ++order_, nobody, 0, std::move(what)});
  }
  /// A message that may be lost, doubled, late and overtaken.
  template <class Receive>
  void send(size_t from, size_t to, Receive receive) {
    if (cut(from, to) || !processes_[to].alive || random.chance(now.loss)) return;
    if (random.chance(now.twice)) at(to, random.between(100, now.longest_delay_us), receive);
    at(to, random.between(100, now.longest_delay_us), std::move(receive));
  }
  /// Runs until a time, or until something is damaged.
  void run_until(timestamp_us until_us) {
    while (!events_.empty() && damage.empty() && events_.front().at_us <= until_us) {
      std::pop_heap(events_.begin(), events_.end(), later);
      event next = std::move(events_.back());
      events_.pop_back();
      now_us = next.at_us;
      if (next.in != nobody) {
        const process& where = processes_[next.in];
        if (!where.alive || where.life != next.life) continue;
        if (where.paused_until > now_us) {
          next.at_us = where.paused_until;
          push(std::move(next));
          continue;
        }
      }
      ++happened;
      next.what();
    }
    now_us = std::max(now_us, until_us);
  }

  process& of(size_t index) { return processes_[index]; }
  void kill(size_t index) {
    processes_[index].alive = false;
    ++processes_[index].life;
  }
  bool cut(size_t a, size_t b) const { return cut_[a * processes_.size() + b]; }
  void set_cut(size_t a, size_t b, bool on) { cut_[a * processes_.size() + b] = cut_[b * processes_.size() + a] = on; }
  void damaged(const std::string& how) {
    if (damage.empty()) damage = how + " (at " + std::to_string(now_us) + " us)";
  }

  dice random;
  timestamp_us now_us = 0;
  weather now;
  std::string damage;  ///< the first
  uint64_t happened = 0;

 private:
  static constexpr size_t nobody = static_cast<size_t>(-1);
  struct event {
    timestamp_us at_us;
    uint64_t order;
    size_t in;
    uint64_t life;
    std::function<void()> what;
  };
  static bool later(const event& a, const event& b) {
    return a.at_us != b.at_us ? a.at_us > b.at_us : a.order > b.order;
  }
  void push(event what) {
    events_.push_back(std::move(what));
    std::push_heap(events_.begin(), events_.end(), later);
  }

  std::vector<process> processes_;
  std::vector<bool> cut_;
  std::vector<event> events_;
  uint64_t order_ = 0;
};

}  // namespace systole::testing
