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

/// A record with its bytes.
struct kept_record {
  std::optional<std::string> key, value, headers;
  std::optional<int32_t> place;
};

std::vector<kept_record> encoded(const kafka_record_settings& settings, const batch& rows) {
  const auto encoder = kafka_record_encoder::make(settings).value();
  std::vector<kept_record> made;
  encoder->begin(rows);
  while (const size_t count = encoder->next())
    for (size_t i = 0; i < count; ++i) {
      const kafka_encoded_record it = encoder->record(i);
      made.push_back({std::optional<std::string>(it.key), std::optional<std::string>(it.value), std::optional<std::string>(it.headers), it.place});
    }
  return made;
}

TEST(kafka_record_encoder, writes_keys_and_values_in_one_format) {
  const batch rows = test_batch({{7, "a,b"}, {8, "c"}});
  const auto json = encoded({.columns = test_columns(), .format = "json", .key = {0}}, rows);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0].key, "{\"id\":7}");
  EXPECT_EQ(json[0].value, "{\"id\":7,\"name\":\"a,b\"}");
  EXPECT_EQ(json[1].value, "{\"id\":8,\"name\":\"c\"}");
  EXPECT_EQ(json[0].place, kafka_key_hash("{\"id\":7}"));
  EXPECT_FALSE(json[0].headers);
  const auto csv = encoded({.columns = test_columns(), .format = "csv", .key = {1}}, rows);
  EXPECT_EQ(csv[0].key, "\"a,b\"");
  EXPECT_EQ(csv[0].value, "7,\"a,b\"");
}

TEST(kafka_record_encoder, gives_each_row_of_a_long_batch_once) {
  std::vector<test_row> rows;
  for (int id = 0; id < 1000; ++id) rows.push_back({id, std::string(static_cast<size_t>(id % 50), 'x')});
  for (const char* format : {"json", "csv"}) {
    const bool json = format == std::string("json");
    const auto made = encoded({.columns = test_columns(), .format = format, .key = {1}, .partition_by = {0}, .headers = {{"id", 0}}}, test_batch(rows));
    ASSERT_EQ(made.size(), rows.size());
    for (const test_row& row : rows) {
      const kept_record& it = made[static_cast<size_t>(row.id)];
      const std::string id = std::to_string(row.id);
      EXPECT_EQ(it.value, json ? "{\"id\":" + id + ",\"name\":\"" + row.name + "\"}" : id + "," + (row.name.empty() ? "\"\"" : row.name));
      EXPECT_EQ(it.key, json ? "{\"name\":\"" + row.name + "\"}" : row.name.empty() ? "\"\"" : row.name);
      EXPECT_EQ(it.place, kafka_key_hash(json ? "{\"id\":" + id + "}" : id));
      std::string header;
      append_kafka_header(header, "id", id);
      EXPECT_EQ(it.headers, header);
    }
  }
}

TEST(kafka_record_encoder, a_retracted_row_is_a_tombstone_of_upsert_topics_only) {
  const batch rows = test_batch({{7, "a", row_kind::erase}, {8, "b"}}, true);
  const auto upsert = encoded({.columns = test_columns(), .format = "json", .key = {0}, .upsert = true}, rows);
  EXPECT_FALSE(upsert[0].value);
  EXPECT_TRUE(upsert[1].value);
  EXPECT_TRUE(encoded({.columns = test_columns(), .format = "json", .key = {0}}, rows)[0].value);
}

TEST(kafka_record_encoder, places_by_other_columns_and_leaves_keyless_records_free) {
  const batch rows = test_batch({{7, "a"}});
  EXPECT_FALSE(encoded({.columns = test_columns(), .format = "json"}, rows)[0].place);
  EXPECT_EQ(encoded({.columns = test_columns(), .format = "json", .key = {0}, .partition_by = {1}}, rows)[0].place,
            kafka_key_hash("{\"name\":\"a\"}"));
}

}  // namespace
}  // namespace systole::testing
