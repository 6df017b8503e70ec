#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "coordination/control_messages.h"

namespace systole {

/// A step whose rows users look at.
struct tapped_step {
  job_id job;
  std::string step;
  friend auto operator<=>(const tapped_step&, const tapped_step&) = default;
};

/// What users of a coordinator look at now, all of it: told to every worker when it changes and each tap_renew_ms, so
/// that nothing depends on one message; without them a worker shows nothing any more.
struct tap_order {
  term_id term;
  std::vector<tapped_step> steps;
};

/// What a worker's subtasks of a step have emitted since it told last.
struct tap_sample {
  tapped_step of;
  uint64_t passed = 0;            ///< rows
  std::vector<std::string> rows;  ///< some of them, as JSON
  bool refused = false;           ///< it has tasks of the job, but is not allowed to show rows
};
/// What a worker shows to the coordinator that leads: the only message that holds rows for people. What is lost is
/// lost.
struct tap_news {
  std::string name;
  std::vector<tap_sample> samples;
};

/// The wire forms (proto/news.proto); no other message begins as they do.
std::string encode(const tap_order& what);
std::string encode(const tap_news& what);
bool is_tap_order(std::string_view bytes);
bool is_tap_news(std::string_view bytes);
result<tap_order> decode_tap_order(std::string_view bytes);
/// Rows beyond limits::tap_message_rows and longer than limits::tap_row_bytes are left out.
result<tap_news> decode_tap_news(std::string_view bytes);

}  // namespace systole
