#include "connectors/kafka/kafka_record_encoder.h"

#include <gtest/gtest.h>

#include "connectors/kafka/kafka_partition.h"
#include "sink_harness.h"

namespace systole::testing {
namespace {

TEST(kafka_key_hash, is_that_of_kafka_s_clients) {
  // org.apache.kafka.common.utils.UtilsTest.testMurmur2
  const std::pair<const char*, int32_t> cases[] = {{"21", -973932308},
                                                   {"foobar", -790332482},
                                                   {"a-little-bit-long-string", -985981536},
                                                   {"a-little-bit-longer-string", -1486304829},
                                                   {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                                                   {"abc", 479470107}};
  for (const auto& [key, hash] : cases) EXPECT_EQ(kafka_key_hash(key), hash & 0x7fffffff) << key;
}

batch encoded(const kafka_record_settings& settings, const batch& rows) {
  static std::unique_ptr<kafka_record_encoder> encoder;
  encoder = kafka_record_encoder::make(settings).value();
  return encoder->encode(rows);
}

TEST(kafka_record_encoder, writes_keys_and_values_in_one_format) {
  const batch rows = test_batch({{7, "a,b"}, {8, "c"}});
  const batch json = encoded({.columns = test_columns(), .format = "json", .key = {0}}, rows);
  EXPECT_EQ(json.at(kafka_record_column::key).text(0), "{\"id\":7}");
  EXPECT_EQ(json.at(kafka_record_column::value).text(0), "{\"id\":7,\"name\":\"a,b\"}");
  EXPECT_EQ(json.at(kafka_record_column::value).text(1), "{\"id\":8,\"name\":\"c\"}");
  EXPECT_EQ(json.at(kafka_record_column::place).values<int32_t>()[0], kafka_key_hash("{\"id\":7}"));
  EXPECT_TRUE(json.at(kafka_record_column::headers).is_null(0));
  const batch csv = encoded({.columns = test_columns(), .format = "csv", .key = {1}}, rows);
  EXPECT_EQ(csv.at(kafka_record_column::key).text(0), "\"a,b\"");
  EXPECT_EQ(csv.at(kafka_record_column::value).text(0), "7,\"a,b\"");
}

TEST(kafka_record_encoder, a_retracted_row_is_a_tombstone_of_upsert_topics_only) {
  const batch rows = test_batch({{7, "a", row_kind::erase}, {8, "b"}}, true);
  const batch upsert = encoded({.columns = test_columns(), .format = "json", .key = {0}, .upsert = true}, rows);
  EXPECT_TRUE(upsert.at(kafka_record_column::value).is_null(0));
  EXPECT_FALSE(upsert.at(kafka_record_column::value).is_null(1));
}

TEST(kafka_record_encoder, places_by_other_columns_and_leaves_keyless_records_free) {
  const batch rows = test_batch({{7, "a"}});
  EXPECT_TRUE(encoded({.columns = test_columns(), .format = "json"}, rows).at(kafka_record_column::place).is_null(0));
  const batch by_name = encoded({.columns = test_columns(), .format = "json", .key = {0}, .partition_by = {1}}, rows);
  EXPECT_EQ(by_name.at(kafka_record_column::place).values<int32_t>()[0], kafka_key_hash("{\"name\":\"a\"}"));
}

}  // namespace
}  // namespace systole::testing
