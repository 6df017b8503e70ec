#include "connectors/metrics_sink.h"

#include <gtest/gtest.h>

#include "tests/data/columns.h"

namespace systole::testing {
namespace {

class metrics_sink_test : public ::testing::Test {
 protected:
  metrics_sink_test() {
    node_.set_step("beds");
    proto::Sink& sink = *node_.mutable_sink();
    sink.set_kind(proto::Sink::METRICS);
    sink.add_key("unit");
    for (const char* each : {"unit", "site"}) sink.mutable_metrics()->add_labels(each);
    for (const char* each : {"occupied", "share"}) sink.mutable_metrics()->add_values(each);
    sink.mutable_metrics()->set_max_series(2);
  }
  std::unique_ptr<sink_writer> writer() {
    connector_context context;
    context.job = "hospital";
    context.gauges = &board_;
    const sink_input input{{{{"unit", {type_id::text}}, {"site", {type_id::int32}}, {"occupied", {type_id::int64}}, {"share", {type_id::numeric}}}}, true, {"unit"}};
    return make_metrics_sink(node_, input, context).value()->make_writer(0, 1).value();
  }
  static batch rows(const std::vector<std::optional<std::string>>& units, const std::vector<std::optional<int64_t>>& occupied,
                    const std::vector<std::optional<std::string>>& shares, row_kind kind = row_kind::update_after) {
    batch made(units.size(), {texts(units), ints(std::vector<std::optional<int32_t>>(units.size(), 7)), bigints(occupied), numerics(shares)});
    made.set_hidden(hidden::kind, booleans(std::vector<std::optional<uint8_t>>(units.size(), static_cast<uint8_t>(kind))));
    return made;
  }
  void publish(sink_writer& writer, uint64_t epoch) {
    ASSERT_TRUE(writer.seal(epoch_id(epoch), false));
    ASSERT_TRUE(writer.commit({epoch_id(epoch), epoch_id(epoch - 1), "", false}));
  }
  /// unit -> occupied; -1 for NULL.
  std::map<std::string, double> shown() const {
    std::map<std::string, double> made;
    for (const auto& each : board_.read())
      for (const shown_gauges::row& row : each->rows) made[row.labels[0]] = row.values[0].value_or(-1);
    return made;
  }

  gauge_board board_;
  proto::Node node_;
};

TEST_F(metrics_sink_test, shows_the_current_rows_once_their_epoch_is_published) {
  const auto sink = writer();
  ASSERT_TRUE(sink->write(rows({"ICU", "say \"hi\", twice"}, {3, std::nullopt}, {"0.125", "1"})));
  EXPECT_TRUE(shown().empty());
  ASSERT_TRUE(sink->seal(epoch_id(1), false));
  EXPECT_TRUE(shown().empty());
  ASSERT_TRUE(sink->write(rows({"ICU"}, {4}, {"0.5"})));  // of the next epoch
  ASSERT_TRUE(sink->commit({epoch_id(1), epoch_id(0), "", false}));
  EXPECT_EQ(shown(), (std::map<std::string, double>{{"ICU", 3}, {"say \"hi\", twice", -1}}));
  const auto first = board_.read()[0];
  EXPECT_EQ(first->labels, (std::vector<std::string>{"unit", "site"}));
  EXPECT_EQ(first->rows[0].labels, (std::vector<std::string>{"ICU", "7"}));
  EXPECT_EQ(first->rows[0].values[1], 0.125);
  publish(*sink, 2);
  EXPECT_EQ(shown()["ICU"], 4);
  ASSERT_TRUE(sink->write(rows({"ICU"}, {4}, {"0.5"}, row_kind::update_before)));
  ASSERT_TRUE(sink->write(rows({"ICU"}, {5}, {"0.5"})));
  ASSERT_TRUE(sink->write(rows({"say \"hi\", twice"}, {0}, {"0"}, row_kind::erase)));
  publish(*sink, 3);
  EXPECT_EQ(shown(), (std::map<std::string, double>{{"ICU", 5}}));
}

TEST_F(metrics_sink_test, leaves_keys_beyond_its_limit_out_and_says_so) {
  const auto sink = writer();
  ASSERT_TRUE(sink->write(rows({"A", "B", "C"}, {1, 2, 3}, {"1", "1", "1"})));
  publish(*sink, 1);
  EXPECT_EQ(shown(), (std::map<std::string, double>{{"A", 1}, {"B", 2}}));
  EXPECT_TRUE(board_.read()[0]->full);
}

TEST_F(metrics_sink_test, is_there_at_once_after_a_restart_and_gone_with_its_writer) {
  std::string saved;
  {
    const auto sink = writer();
    ASSERT_TRUE(sink->write(rows({"A", "B"}, {1, std::nullopt}, {"1.25", "2"})));
    publish(*sink, 1);
    saved = sink->snapshot();
  }
  EXPECT_TRUE(shown().empty());
  const auto sink = writer();
  ASSERT_TRUE(sink->restore(saved));
  EXPECT_EQ(shown(), (std::map<std::string, double>{{"A", 1}, {"B", -1}}));
  EXPECT_FALSE(writer()->restore(saved.substr(0, saved.size() - 1)));
}

}  // namespace
}  // namespace systole::testing
