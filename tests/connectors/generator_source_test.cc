#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/file_system.h"
#include "connectors/generator/generator_source.h"
#include "tests/connectors/generated_events.h"

namespace systole {
namespace {

using ::testing::HasSubstr;

class generator_source : public ::testing::Test {
 protected:
  proto::Node node(const std::map<std::string, std::string>& settings) {
    proto::Node made;
    proto::Source& source = *made.mutable_source();
    source.set_kind(proto::Source::GENERATOR);
    source.set_number(3);
    source.set_needs_position(true);
    source.set_needs_raw(true);
    source.mutable_decoder()->set_format(proto::Decoder::GENERATED);
    for (const auto& [name, value] : settings) (*source.mutable_generator())[name] = value;
    const auto add = [&source](const char* name, type_id id) {
      proto::Field& field = *source.add_columns()->mutable_field();
      field.set_name(name);
      field.mutable_type()->set_id(static_cast<uint32_t>(id));
    };
    add("event_id", type_id::text);
    add("event_timestamp", type_id::timestamptz);
    source.mutable_watermark()->set_column("event_timestamp");
    source.mutable_watermark()->set_max_out_of_orderness_us(5'000'000);
    return made;
  }
  connector_context context() {
    connector_context made;
    made.time = &time;
    made.files = &posix_file_system();
    made.parameters = &parameters;
    made.batch_rows = 300;
    return made;
  }
  std::unique_ptr<source_factory> factory(const std::map<std::string, std::string>& settings) {
    return make_generator_source(node(settings), context()).value();
  }
  std::unique_ptr<source_reader> reader(const std::map<std::string, std::string>& settings,
                                        const std::vector<std::string>& restored = {}) {
    return factory(settings)->make_reader(0, 1, restored).value();
  }
  /// Adds the rows of a poll as "position event_id raw".
  static void collect(const source_poll& poll, std::vector<std::string>& into) {
    for (size_t row = 0; row < poll.rows.rows(); ++row) {
      const row_position at = row_position::unpack(poll.rows.position(row));
      EXPECT_EQ(at.source, 3u);
      into.push_back(std::to_string(at.offset) + " " + std::string(poll.rows.at(0).text(row)) + " " +
                     std::string(poll.rows.hidden_column(hidden::raw)->text(row)));
    }
  }

  manual_clock time{1'000'000};
  parameter_map parameters;
};

TEST_F(generator_source, gives_the_generators_lines_with_their_byte_offsets) {
  EXPECT_TRUE(factory({{"count", "2500"}})->bounded());
  EXPECT_FALSE(factory({})->bounded());
  const auto source = reader({{"count", "2500"}, {"seed", "5"}});
  std::vector<std::string> rows;
  timestamp_us watermark = watermark_none;
  uint64_t records = 0, bytes = 0;
  for (source_poll poll = source->poll().value(); poll.what != source_poll::kind::finished;
       poll = source->poll().value()) {
    EXPECT_EQ(poll.what, source_poll::kind::rows);
    EXPECT_TRUE(poll.rejects.empty());
    EXPECT_GE(poll.watermark, watermark);
    // The watermark moves with every 1,024th record only.
    EXPECT_TRUE(poll.watermark == watermark || records / 1024 != (records + poll.records) / 1024);
    watermark = poll.watermark;
    records += poll.records;
    bytes += poll.bytes;
    collect(poll, rows);
  }
  patient_flow_options options;
  options.seed = 5;
  const std::string lines = lines_of(options, 2'500);
  EXPECT_EQ(records, 2'500u);
  EXPECT_EQ(bytes, lines.size());
  ASSERT_EQ(rows.size(), 2'500u);
  size_t at = 0;
  for (const std::string& row : rows) {
    const size_t end = lines.find('\n', at);
    const std::string line = lines.substr(at, end - at);
    const std::string id = line.substr(line.find("\"event_id\":\"") + 12, 36);
    ASSERT_EQ(row, std::to_string(at) + " " + id + " " + line);
    at = end + 1;
  }
  EXPECT_EQ(source->poll().value().watermark, watermark_end);
}

TEST_F(generator_source, a_restored_reader_gives_the_rest) {
  const std::map<std::string, std::string> settings = {{"count", "4000"}, {"stays", "true"}, {"dirt", "5"}};
  std::vector<std::string> whole;
  const auto undisturbed = reader(settings);
  std::vector<timestamp_us> watermarks;
  for (source_poll poll = undisturbed->poll().value(); poll.what != source_poll::kind::finished;
       poll = undisturbed->poll().value()) {
    collect(poll, whole);
    watermarks.push_back(poll.watermark);
  }
  for (size_t polls = 0; polls < watermarks.size(); ++polls) {
    std::vector<std::string> rows;
    std::string snapshot;
    {
      const auto first = reader(settings);
      for (size_t i = 0; i < polls; ++i) collect(first->poll().value(), rows);
      snapshot = first->snapshot();
    }
    // At another parallelism: the snapshots of all readers come along, in any order.
    const auto second = reader(settings, {std::string(), snapshot});
    for (size_t i = polls;; ++i) {
      const source_poll poll = second->poll().value();
      if (poll.what == source_poll::kind::finished) break;
      ASSERT_EQ(poll.watermark, watermarks[i]);
      collect(poll, rows);
    }
    ASSERT_TRUE(rows == whole) << "restored after " << polls << " polls";
  }
  EXPECT_FALSE(factory(settings)->make_reader(0, 1, {"damaged"}));
  const auto other = factory({{"count", "4000"}, {"seed", "2"}})->make_reader(0, 1, {reader(settings)->snapshot()});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, error_code::incompatible);
}

TEST_F(generator_source, other_subtasks_finish_at_once) {
  const auto second = factory({{"count", "10"}})->make_reader(1, 2, {}).value();
  EXPECT_EQ(second->poll().value().what, source_poll::kind::finished);
  EXPECT_TRUE(second->snapshot().empty());
}

TEST_F(generator_source, keeps_a_rate) {
  const auto source = reader({{"rate", "100"}});
  source_poll poll = source->poll().value();
  EXPECT_EQ(poll.what, source_poll::kind::idle);
  EXPECT_NEAR(static_cast<double>(poll.wait.count()), 10'000, 1);
  time.advance(std::chrono::milliseconds(255));
  poll = source->poll().value();
  EXPECT_EQ(poll.rows.rows(), 25u);
  EXPECT_EQ(poll.watermark, watermark_none);
  const timestamp_us newest = poll.rows.event_time(24);
  poll = source->poll().value();
  EXPECT_EQ(poll.what, source_poll::kind::idle);
  EXPECT_NEAR(static_cast<double>(poll.wait.count()), 5'000, 1);
  EXPECT_EQ(poll.watermark, newest - 5'000'000 - 1) << "run dry: the watermark follows what was given";
  time.advance(std::chrono::seconds(10));
  uint64_t caught_up = 0;
  while (true) {
    poll = source->poll().value();
    if (poll.what == source_poll::kind::idle) break;
    caught_up += poll.rows.rows();
  }
  EXPECT_EQ(caught_up, 1'000u);
  // A restored reader does not make up for the time in between.
  const auto restored = reader({{"rate", "100"}}, {source->snapshot()});
  EXPECT_EQ(restored->poll().value().what, source_poll::kind::idle);
}

TEST_F(generator_source, keeps_the_speed_of_the_virtual_clock) {
  const auto source = reader({{"speed", "600"}, {"surge", "false"}, {"dirt", "0"}});
  uint64_t rows = 0;
  const auto read_all = [&] {
    while (true) {
      const source_poll poll = source->poll().value();
      if (poll.what == source_poll::kind::idle) return poll.wait;
      rows += poll.rows.rows();
    }
  };
  (void)read_all();
  EXPECT_EQ(rows, 1u) << "the first step";
  for (int second = 1; second <= 60; ++second) {
    time.advance(std::chrono::seconds(1));
    const std::chrono::microseconds wait = read_all();
    EXPECT_LE(wait, std::chrono::milliseconds(105)) << "a minute passes in a tenth of a second";
  }
  EXPECT_NEAR(static_cast<double>(rows), 600, 1.1) << "a step a minute, 600 minutes a minute";
}

TEST_F(generator_source, wrong_settings_are_named) {
  const auto refused = [this](const std::string& name, const std::string& value) {
    const auto made = make_generator_source(node({{name, value}}), context());
    return made ? "accepted" : made.error().message;
  };
  EXPECT_THAT(refused("kind", "weather"), HasSubstr("kind must be patient-flow"));
  EXPECT_THAT(refused("seeds", "1"), HasSubstr("unknown setting 'seeds'"));
  EXPECT_THAT(refused("count", "-1"), HasSubstr("count must be a whole number"));
  EXPECT_THAT(refused("count", "1e3"), HasSubstr("count must be"));
  EXPECT_THAT(refused("stays", "yes"), HasSubstr("stays must be true or false"));
  EXPECT_THAT(refused("rate", "-1"), HasSubstr("rate must be"));
  EXPECT_THAT(refused("rate", "inf"), HasSubstr("rate must be"));
  EXPECT_THAT(refused("start", "yesterday"), HasSubstr("start must be a time"));
  EXPECT_THAT(refused("hospitals", "9"), HasSubstr("1 to 7 hospitals"));
  EXPECT_THAT(refused("step", "0"), HasSubstr("a step takes"));
  EXPECT_THAT(refused("dirt", "-1"), HasSubstr("dirt must be"));
  EXPECT_EQ(refused("dirt", "2.5"), "accepted");
  EXPECT_EQ(refused("start", "2026-03-02T00:00:00Z"), "accepted");
}

}  // namespace
}  // namespace systole
