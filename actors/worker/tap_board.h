#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "actors/step_tap.h"
#include "coordination/tap_messages.h"

namespace systole {

/// What of a worker's tasks may be looked at, and what is. Steps are wanted by name: a task that is built later, of
/// another attempt, is shown from its first row on. Thread-safe.
class tap_board {
 public:
  /// For one subtask of a step. What it has shown can be fetched also when the task is gone.
  std::shared_ptr<step_tap> add(const tapped_step& what, uint32_t subtask, schema columns, const clock& time);
  /// These steps, and no others from now on.
  void want(const std::vector<tapped_step>& steps);
  /// What the wanted steps emitted since the last call, added up over subtasks, within limits::tap_message_bytes and
  /// _rows. Steps that have no task here are left out.
  std::vector<tap_sample> take();

 private:
  struct entry {
    tapped_step what;
    std::shared_ptr<step_tap> tap;
  };
  void forget_ended();

  std::mutex mutex_;
  std::vector<entry> taps_;
  std::set<tapped_step> wanted_;
};

}  // namespace systole
