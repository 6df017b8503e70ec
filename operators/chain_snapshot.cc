#include "operators/chain_snapshot.h"

#include <array>

#include "base/bytes.h"

namespace systole {
namespace {

/// In the order of the layout: append only.
constexpr std::array counters = {
    &step_accounting::in,
    &step_accounting::out,
    &step_accounting::rejected,
    &step_accounting::rejected_retractions,
    &step_accounting::late,
    &step_accounting::filtered,
    &step_accounting::deduplicated,
    &step_accounting::waiting,
    &step_accounting::absorbed,
    &step_accounting::matched,
    &step_accounting::unmatched,
    &step_accounting::flagged,
    &step_accounting::failed_results,
};

void append_flags(std::string& out, const std::vector<bool>& flags) {
  append_varint(out, flags.size());
  for (const bool each : flags) out.push_back(each ? 1 : 0);
}

std::vector<bool> read_flags(byte_reader& in) {
  const std::string_view bytes = in.bytes();
  std::vector<bool> flags;
  for (const char each : bytes) flags.push_back(each != 0);
  return flags;
}

void append_accounting(std::string& out, const step_accounting& of) {
  append_varint(out, counters.size());
  for (const auto member : counters) append_varint(out, of.*member);
  append_varint(out, of.by_rule.size());
  for (const auto& [rule, count] : of.by_rule) {
    append_bytes(out, rule);
    append_varint(out, count);
  }
}

step_accounting read_accounting(byte_reader& in) {
  step_accounting made;
  const uint64_t count = in.varint();
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const uint64_t value = in.varint();
    if (i < counters.size()) made.*counters[i] = value;
  }
  const uint64_t rules = in.varint();
  for (uint64_t i = 0; i < rules && in.ok(); ++i) {
    const std::string rule(in.bytes());
    made.by_rule[rule] = in.varint();
  }
  return made;
}

}  // namespace

std::string encode(const chain_snapshot& of) {
  std::string out;
  append_fixed(out, chain_snapshot_version);
  append_fixed(out, of.watermark);
  append_varint(out, of.channel_watermarks.size());
  for (const timestamp_us each : of.channel_watermarks) append_fixed(out, each);
  append_flags(out, of.channel_ended);
  append_flags(out, of.input_ended);
  append_accounting(out, of.accounting);
  append_bytes(out, of.operator_state);
  return out;
}

result<chain_snapshot> decode_chain_snapshot(std::string_view bytes) {
  byte_reader in(bytes);
  const auto version = in.fixed<uint8_t>();
  if (in.ok() && version != chain_snapshot_version)
    return fail(error_code::incompatible, "a node's state has layout version " + std::to_string(version) +
                                              ", this build reads " + std::to_string(chain_snapshot_version));
  chain_snapshot made;
  made.watermark = in.fixed<timestamp_us>();
  const uint64_t channels = in.varint();
  if (channels > in.remaining() / sizeof(timestamp_us)) return fail(error_code::corrupt, "a node's state is cut short");
  for (uint64_t i = 0; i < channels; ++i) made.channel_watermarks.push_back(in.fixed<timestamp_us>());
  made.channel_ended = read_flags(in);
  made.input_ended = read_flags(in);
  made.accounting = read_accounting(in);
  made.operator_state = in.bytes();
  if (!in.ok() || !in.at_end() || made.channel_ended.size() != channels)
    return fail(error_code::corrupt, "a node's state does not match its layout");
  return made;
}

void add(step_accounting& to, const step_accounting& more) {
  for (const auto member : counters) to.*member += more.*member;
  for (const auto& [rule, count] : more.by_rule) to.by_rule[rule] += count;
}

}  // namespace systole
