#include <gtest/gtest.h>

#include "state/changes/delta_format.h"
#include "state/changes/record_order.h"
#include "state/store/checksummed_message.h"
#include "state/table_registry.h"
#include "state/tiered/base_manifest.h"
#include "tests/data/golden.h"

namespace systole::testing {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    out.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    out.push_back(digits[static_cast<unsigned char>(byte) & 15]);
  }
  return out;
}

std::string record_of(const table_shape& table, const delta_record& record) {
  std::string out;
  append_record(out, table, record);
  return out;
}

constexpr table_shape fixed_values{7, table_kind::values, 4};
constexpr table_shape any_values{7, table_kind::values, 0};
constexpr table_shape map{8, table_kind::map, 0};
constexpr table_shape timers{9, table_kind::timers, 0};

TEST(state_format_test, segments_are_as_described) {
  const std::string header = encode(segment_header{{3, 90}, 128, 41, false});
  std::map<std::string, std::string> lines;
  lines["header"] = hex(header);
  lines["header sorted"] = hex(encode(segment_header{{0, 127}, 128, 0, true}));
  lines["chunk header"] = hex(encode_chunk_header(any_values, 2, 5, "payload", chunk_seed(header)));
  lines["value fixed"] = hex(record_of(fixed_values, {false, "key", {}, 0, "1234"}));
  lines["value any"] = hex(record_of(any_values, {false, "key", {}, 0, "value"}));
  lines["value erased"] = hex(record_of(any_values, {true, "key", {}, 0, {}}));
  lines["map entry"] = hex(record_of(map, {false, "key", "subkey", 0, "value"}));
  lines["map entry erased"] = hex(record_of(map, {true, "key", "subkey", 0, {}}));
  lines["timer"] = hex(record_of(timers, {false, "key", {}, -2, {}}));
  lines["timer erased"] = hex(record_of(timers, {true, "key", {}, 1'700'000'000'000'000, {}}));
  expect_golden("delta_v1.txt", lines);
}

TEST(state_format_test, state_keys_are_as_described) {
  const auto key = [](uint16_t group, const table_shape& table, const delta_record& record) {
    std::string out;
    append_state_key(out, group, table, record);
    return hex(out);
  };
  std::map<std::string, std::string> lines;
  lines["value"] = key(300, any_values, {false, "key", {}, 0, {}});
  lines["map"] = key(1, map, {false, "key", "subkey", 0, {}});
  lines["timer before 1970"] = key(1, timers, {false, "key", {}, -1, {}});
  lines["timer"] = key(1, timers, {false, "key", {}, 1, {}});
  std::string number;
  append_fixed(number, table_number("unique_events", "seen"));
  lines["table number little-endian"] = hex(number);
  expect_golden("state_keys_v1.txt", lines);
}

TEST(state_format_test, checkpoints_are_as_described) {
  proto::LogRecord record;
  record.set_sequence(3);
  record.set_term(2);
  record.set_nonce("nonce");
  record.set_previous_xxh3(0x0123456789abcdef);
  record.mutable_completed()->set_epoch(41);
  record.mutable_completed()->mutable_metadata()->set_name("name");
  proto::CheckpointMetadata metadata;
  metadata.set_epoch(41);
  metadata.set_previous(40);
  metadata.set_job("job");
  metadata.add_tasks()->mutable_keyed_state()->set_last_key_group(127);
  std::map<std::string, std::string> lines;
  lines["log record"] = hex(encode_checksummed("SYSLOG01", record));
  proto::LogRecord base;
  base.set_sequence(4);
  base.set_term(3);
  base.set_nonce("nonce");
  base.set_previous_xxh3(0xfedcba9876543210);
  base.mutable_base()->add_completed()->set_epoch(41);
  base.mutable_base()->mutable_completed(0)->set_savepoint(true);
  base.mutable_base()->set_committed(41);
  base.mutable_base()->set_attempts(2);
  base.mutable_base()->add_sinks()->set_step("sink");
  base.mutable_base()->mutable_sinks(0)->set_shards(4);
  base.mutable_base()->set_highest(41);
  base.mutable_base()->set_starts(1);
  base.mutable_base()->set_attempt(2);
  base.mutable_base()->set_attempt_term(2);
  base.mutable_base()->set_wish(proto::LogRecord::STOP);
  base.mutable_base()->set_parallelism(4);
  base.mutable_base()->add_requests("request");
  base.mutable_base()->set_attempt_parallelism(4);
  lines["log record base"] = hex(encode_checksummed("SYSLOG01", base));
  proto::LogRecord::Failed failed;
  failed.set_attempt(2);
  failed.set_at_us(1'700'000'000'000'000);
  failed.set_restored_from(41);
  failed.set_code("data");
  failed.set_message("message");
  failed.set_sqlstate("22P02");
  *base.mutable_base()->add_failures() = failed;
  lines["log record base with failures"] = hex(encode_checksummed("SYSLOG01", base));
  proto::LogRecord failure;
  failure.set_sequence(5);
  failure.set_term(3);
  failure.set_nonce("nonce");
  failure.set_previous_xxh3(0xfedcba9876543210);
  *failure.mutable_failed() = failed;
  lines["log record failed"] = hex(encode_checksummed("SYSLOG01", failure));
  lines["metadata"] = hex(encode_checksummed("SYSMETA1", metadata));
  lines["base manifest"] = hex(encode_base_manifest({"000008.sst", "CURRENT"}));
  expect_golden("checkpoint_v1.txt", lines);
}

TEST(state_format_test, another_version_is_incompatible_and_not_guessed) {
  std::string header = encode(segment_header{{0, 127}, 128, 0, false});
  ASSERT_TRUE(decode_segment_header(header));
  header[8] = 2;
  const auto damaged = decode_segment_header(header);  // its checksum does not match
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, error_code::corrupt);
}

}  // namespace
}  // namespace systole::testing
