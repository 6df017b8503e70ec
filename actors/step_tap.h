#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "data/batch.h"
#include "formats/record_encoder.h"
#include "operators/operator_chain.h"

namespace systole {

/// Shows some of the rows that one subtask of a step emits: each batch gives what limits::tap_rows_per_second leaves of
/// it, evenly spread. The task never waits for who fetches: what does not fit is only counted.
class step_tap final : public emission_probe {
 public:
  /// `time` outlives it.
  step_tap(uint32_t subtask, schema columns, const clock& time);

  /// Any thread. On: begins with nothing.
  void want(bool on);
  void look(const batch& rows) override;

  struct sample {
    uint64_t passed = 0;            ///< rows since the last one
    std::vector<std::string> rows;  ///< {"kind":"+I","subtask":0,"eventTime":"...","row":{...}}
  };
  /// What there is since the last call. Any thread but the task's.
  sample take();

 private:
  size_t allowed();
  void show(const batch& rows, uint32_t row);
  void put(std::vector<std::string> made);

  const uint32_t subtask_;
  const schema columns_;
  const clock& time_;
  std::atomic<uint64_t> passed_{0};

  std::mutex mutex_;  ///< guards what follows
  std::vector<std::string> shown_;
  size_t shown_bytes_ = 0;

  // The task's thread only.
  std::unique_ptr<record_encoder> encoder_;  ///< made when it is first wanted
  encode_buffer buffer_;
  double allowance_ = limits::tap_rows_per_second;  ///< rows
  std::chrono::nanoseconds allowed_at_{0};
};

}  // namespace systole
