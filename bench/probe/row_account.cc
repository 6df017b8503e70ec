#include "bench/probe/row_account.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "bench/probe/phase_line.h"

namespace latency_bench {
namespace {

std::optional<int64_t> number_of(std::string_view json, std::string_view name) {
  const size_t found = json.find(name);
  if (found == std::string_view::npos) return std::nullopt;
  int64_t value = 0;
  const char* const begin = json.data() + found + name.size();
  if (std::from_chars(begin, json.data() + json.size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

}  // namespace

size_t row_account::expected() const {
  size_t count = 0;
  for (size_t i = 0; i < sent_.published(); ++i) count += sent_.fact(i).counts;
  return count;
}

void row_account::read_facts(size_t up_to) {
  seen_events_.resize(up_to);
  seen_rows_.resize(up_to);
  if (rule_ == rule::each) return;
  for (; facts_read_ < up_to; ++facts_read_) {
    const event_fact& fact = sent_.fact(facts_read_);
    if (!fact.counts) continue;
    const auto unit = static_cast<size_t>(fact.unit);
    if (unit >= waiting_.size()) waiting_.resize(unit + 1);
    waiting_[unit].push_back(facts_read_);
  }
}

void row_account::see(size_t sequence, int64_t at_us) {
  seen_events_[sequence] = 1;
  seen_.fetch_add(1, std::memory_order_relaxed);
  if (sequence < first_measured_) return;
  const int64_t latency = at_us - sent_.due_us(sequence);
  latencies_us_.push_back(static_cast<uint32_t>(std::clamp<int64_t>(latency, 0, UINT32_MAX)));
}

void row_account::on_row(std::string_view json, int64_t at_us) {
  rows_.fetch_add(1, std::memory_order_relaxed);
  const auto sent = number_of(json, "\"sent\":");
  const size_t published = sent_.published();
  if (!sent || *sent < 0 || static_cast<size_t>(*sent) >= published) {
    ++wrong_;
    return;
  }
  const auto sequence = static_cast<size_t>(*sent);
  if (seen_events_.size() < published) read_facts(published);
  const event_fact& fact = sent_.fact(sequence);
  const auto occupied = number_of(json, "\"occupied\":");
  if (!fact.counts || (occupied && *occupied != fact.occupied)) {
    ++wrong_;
    return;
  }
  doubled_ += seen_rows_[sequence];
  seen_rows_[sequence] = 1;
  if (seen_events_[sequence]) return;
  if (rule_ == rule::each) {
    see(sequence, at_us);
  } else {
    auto& waiting = waiting_[static_cast<size_t>(fact.unit)];
    for (; !waiting.empty() && waiting.front() <= sequence; waiting.pop_front()) see(waiting.front(), at_us);
  }
  const int64_t before = last_new_us_.exchange(at_us);
  if (silence_us_ > 0 && at_us - before >= silence_us_) {
    tell_phase("silence",
               member("from_us", static_cast<uint64_t>(before)) + member("to_us", static_cast<uint64_t>(at_us)));
  }
  if (*sent > newest_.load(std::memory_order_relaxed)) newest_.store(*sent, std::memory_order_relaxed);
}

}  // namespace latency_bench
