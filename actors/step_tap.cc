#include "actors/step_tap.h"

#include <algorithm>
#include <array>
#include <utility>

#include "data/calendar.h"

namespace systole {
namespace {

constexpr std::array<const char*, 4> kind_names = {"+I", "-U", "+U", "-D"};

/// Bytes of a row's texts, before it is encoded: a row may have many of 16 MiB.
size_t row_text_bytes(const batch& rows, uint32_t row) {
  size_t made = 0;
  for (const column_ptr& each : rows.columns())
    if (each->type().is_text_like() && each->is_valid(row)) made += each->text(row).size();
  return made;
}

}  // namespace

step_tap::step_tap(uint32_t subtask, schema columns, const clock& time)
    : subtask_(subtask), columns_(std::move(columns)), time_(time) {}

void step_tap::want(bool on) {
  if (wanted() == on) return;
  if (on) (void)take();  // of an earlier time
  wanted_.store(on, std::memory_order_relaxed);
}

/// Rows that the rate leaves now; never more than a second's.
size_t step_tap::allowed() {
  constexpr double most = limits::tap_rows_per_second;
  const std::chrono::nanoseconds now = time_.monotonic();
  const double seconds = std::chrono::duration<double>(now - std::exchange(allowed_at_, now)).count();
  allowance_ = std::min(most, allowance_ + most * seconds);
  return static_cast<size_t>(allowance_);
}

void step_tap::look(const batch& rows) {
  passed_.fetch_add(rows.rows(), std::memory_order_relaxed);
  const size_t some = std::min(allowed(), rows.rows());
  if (some == 0 || rows.columns().size() != columns_.fields.size()) return;
  allowance_ -= static_cast<double>(some);
  if (!encoder_) encoder_ = make_json_encoder(columns_);
  std::vector<std::string> made;
  for (size_t i = 0; i < some; ++i) {
    const auto row = static_cast<uint32_t>(i * rows.rows() / some);
    if (row_text_bytes(rows, row) > limits::tap_row_bytes) continue;
    buffer_.clear();
    show(rows, row);
    if (buffer_.size() <= limits::tap_row_bytes) made.emplace_back(buffer_.view());
  }
  put(std::move(made));
}

void step_tap::show(const batch& rows, uint32_t row) {
  std::string head = "{\"kind\":\"";
  head += kind_names[static_cast<size_t>(rows.kind(row)) % kind_names.size()];
  head += "\",\"subtask\":" + std::to_string(subtask_) + ",\"eventTime\":";
  if (rows.has_event_time(row)) {
    head += '"';
    append_timestamp_fixed(head, rows.event_time(row), 'T');
    head += "Z\"";
  } else {
    head += "null";
  }
  buffer_.append(head + ",\"row\":");
  const uint32_t only[] = {row};
  encoder_->encode(gather(rows, only), buffer_);
  std::string_view line = buffer_.view();
  while (line.ends_with('\n')) line.remove_suffix(1);
  buffer_.advance(line.data() + line.size());
  buffer_.append("}");
}

void step_tap::put(std::vector<std::string> made) {
  const std::unique_lock held(mutex_, std::try_to_lock);
  if (!held) return;
  for (std::string& each : made) {
    if (shown_bytes_ + each.size() > limits::tap_buffer_bytes) continue;
    shown_bytes_ += each.size();
    shown_.push_back(std::move(each));
  }
}

step_tap::sample step_tap::take() {
  sample made;
  made.passed = passed_.exchange(0, std::memory_order_relaxed);
  const std::lock_guard held(mutex_);
  made.rows = std::exchange(shown_, {});
  shown_bytes_ = 0;
  return made;
}

}  // namespace systole
