#include "actors/worker/tap_board.h"

#include <utility>

namespace systole {

std::shared_ptr<step_tap> tap_board::add(const tapped_step& what, uint32_t subtask, schema columns, const clock& time) {
  auto made = std::make_shared<step_tap>(subtask, std::move(columns), time);
  const std::lock_guard lock(mutex_);
  if (wanted_.empty()) forget_ended();  // else take() does, once it has fetched what they showed
  made->want(wanted_.contains(what));
  taps_.push_back({what, made});
  return made;
}

/// Those that nobody but the board has: no task can come by one again.
void tap_board::forget_ended() {
  std::erase_if(taps_, [](const entry& each) { return each.tap.use_count() == 1; });
}

void tap_board::want(const std::vector<tapped_step>& steps) {
  const std::lock_guard lock(mutex_);
  wanted_ = {steps.begin(), steps.end()};
  for (const entry& each : taps_) each.tap->want(wanted_.contains(each.what));
}

std::vector<tap_sample> tap_board::take() {
  const std::lock_guard lock(mutex_);
  std::map<tapped_step, tap_sample> samples;
  size_t bytes = 0, rows = 0;
  std::erase_if(taps_, [&](const entry& each) {
    const bool ended = each.tap.use_count() == 1;  // before the last look at it
    if (!each.tap->wanted()) return ended;
    step_tap::sample part = each.tap->take();
    tap_sample& into = samples[each.what];
    into.of = each.what;
    into.passed += part.passed;
    for (std::string& row : part.rows) {
      if (bytes + row.size() > limits::tap_message_bytes || rows == limits::tap_message_rows) break;
      bytes += row.size();
      ++rows;
      into.rows.push_back(std::move(row));
    }
    return ended;
  });
  std::vector<tap_sample> made;
  for (auto& [what, sample] : samples) made.push_back(std::move(sample));
  return made;
}

}  // namespace systole
