#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace latency_bench {

/// What must come of an event.
struct event_fact {
  int32_t unit = 0;      ///< (hospital, department), numbered as they first come
  int32_t occupied = 0;  ///< the unit's admissions minus discharges, this event's included
  bool counts = false;   ///< false: a duplicate, of which nothing must come
};

/// An endless stream of hospital events out of a file of generate_input. Each lap over the file gives the events other
/// ids, so that duplicates of a lap stay duplicates and laps are none of each other. One thread.
class event_stream {
 public:
  /// Reads the file whole. Ends the process with a message where it cannot be read or a line is not such an event.
  explicit event_stream(const std::string& path);

  /// The next event, without a line end; valid until the next call.
  std::string_view next(event_fact& fact);

 private:
  struct line {
    uint64_t begin = 0;
    uint64_t id = 0;  ///< where its event_id begins
    uint32_t length = 0;
    int32_t unit = 0;
    int32_t change = 0;
    bool counts = false;
  };
  std::string text_;
  std::vector<line> lines_;
  std::vector<int32_t> occupied_;  ///< by unit
  size_t at_ = 0;
  uint32_t lap_ = 0;
};

/// A line of no event whose key is `key_bytes` wide and its own: it fills the state of a job and gives no row.
std::string filling_line(uint64_t number, size_t key_bytes);

}  // namespace latency_bench
