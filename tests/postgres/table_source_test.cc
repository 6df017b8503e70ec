#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <thread>

#include "connectors/postgres/postgres_table_source.h"
#include "postgres_server.h"

namespace systole::testing {
namespace {

using ::testing::HasSubstr;

/// Reads a source as a join does: the current row per id, and whether it was told to be whole.
struct table_reading {
  std::unique_ptr<source_factory> factory;
  std::unique_ptr<source_reader> reader;
  std::map<int32_t, std::string> rows;
  bool whole = false, finished = false;
  size_t changes = 0;
  std::string error;

  table_reading(const std::string& table, int64_t interval_us, const std::string& channel, const std::vector<std::string>& restored = {}) {
    proto::Node node;
    node.set_step("departments");
    proto::Source& source = *node.mutable_source();
    source.set_kind(proto::Source::POSTGRES);
    *source.mutable_connection() = server().connection();
    source.mutable_postgres()->set_table(table);
    source.mutable_postgres()->set_refresh_interval_us(interval_us);
    source.mutable_postgres()->set_notify_channel(channel);
    source.mutable_postgres()->add_key("id");
    for (const field& each : schema{{{"id", {type_id::int32}, false}, {"name", {type_id::text}}}}.fields) {
      proto::SourceColumn& column = *source.add_columns();
      column.mutable_field()->set_name(each.name);
      column.mutable_field()->mutable_type()->set_id(static_cast<uint32_t>(each.type.id));
      column.mutable_field()->set_not_null(!each.nullable);
    }
    connector_context context;
    context.job = "test";
    context.files = &posix_file_system();
    context.time = &system_clock();
    context.batch_rows = 100;
    factory = postgres_table_source::make(node, context).value();
    reader = factory->make_reader(0, 1, restored).value();
  }

  /// Polls until `enough`, at most for 30 s.
  template <class Enough>
  bool until(Enough enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!enough()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      auto polled = reader->poll();
      if (!polled) {
        error = polled.error().message;
        return enough();
      }
      for (size_t row = 0; row < polled->rows.rows(); ++row) {
        ++changes;
        const int32_t id = polled->rows.at(0).values<int32_t>()[row];
        const std::string name = polled->rows.at(1).is_null(row) ? "NULL" : std::string(polled->rows.at(1).text(row));
        if (sign(polled->rows.kind(row)) > 0) rows[id] = name;
        else rows.erase(id);
      }
      whole = whole || polled->idle_for_watermark;
      finished = finished || polled->what == source_poll::kind::finished;
      if (polled->what == source_poll::kind::idle) std::this_thread::yield();
    }
    return true;
  }
};

std::string make_table(int rows) {
  const std::string table = fresh_schema() + ".t";
  server().execute("CREATE TABLE " + table + " (id int PRIMARY KEY, name varchar(20)); INSERT INTO " + table + " SELECT n, 'row ' || n FROM generate_series(1, " +
                   std::to_string(rows) + ") n");
  return table;
}

TEST(postgres_table_source, without_refresh_the_table_is_read_once) {
  const std::string table = make_table(1234);
  table_reading reading(table, 0, "");
  EXPECT_TRUE(reading.factory->bounded());
  ASSERT_TRUE(reading.until([&] { return reading.finished; })) << reading.error;
  EXPECT_EQ(reading.rows.size(), 1234u);
  EXPECT_EQ(reading.rows[77], "row 77");
  // After a restore it is not read again.
  table_reading again(table, 0, "", {reading.reader->snapshot()});
  ASSERT_TRUE(again.until([&] { return again.finished; }));
  EXPECT_EQ(again.rows.size(), 0u);
}

TEST(postgres_table_source, an_interval_gives_what_has_changed) {
  const std::string table = make_table(500);
  table_reading reading(table, 200'000, "");
  EXPECT_FALSE(reading.factory->bounded());
  ASSERT_TRUE(reading.until([&] { return reading.whole; })) << reading.error;
  EXPECT_EQ(reading.rows.size(), 500u);
  reading.changes = 0;
  server().execute("UPDATE " + table + " SET name = NULL WHERE id = 3; DELETE FROM " + table + " WHERE id = 4; INSERT INTO " + table + " VALUES (501, 'new')");
  ASSERT_TRUE(reading.until([&] { return reading.rows.count(501) == 1 && reading.rows.count(4) == 0 && reading.rows[3] == "NULL"; })) << reading.error;
  EXPECT_EQ(reading.changes, 3u);
}

TEST(postgres_table_source, a_notification_has_it_read_again_also_after_a_kill_of_the_server) {
  const std::string table = make_table(10);
  table_reading reading(table, 0, "departments_changed");
  ASSERT_TRUE(reading.until([&] { return reading.whole; })) << reading.error;
  server().execute("UPDATE " + table + " SET name = 'x' WHERE id = 1; NOTIFY departments_changed");
  ASSERT_TRUE(reading.until([&] { return reading.rows[1] == "x"; })) << reading.error;
  server().kill();
  server().start();
  // What was notified while nobody listened is found by the reading that follows a new connection.
  server().execute("UPDATE " + table + " SET name = 'y' WHERE id = 1");
  ASSERT_TRUE(reading.until([&] { return reading.rows[1] == "y"; })) << reading.error;
  server().execute("UPDATE " + table + " SET name = 'z' WHERE id = 1; NOTIFY departments_changed");
  ASSERT_TRUE(reading.until([&] { return reading.rows[1] == "z"; })) << reading.error;
}

TEST(postgres_table_source, an_empty_table_is_whole_too) {
  const std::string table = make_table(0);
  table_reading reading(table, 200'000, "");
  ASSERT_TRUE(reading.until([&] { return reading.whole; })) << reading.error;
  EXPECT_EQ(reading.rows.size(), 0u);
}

TEST(postgres_table_source, missing_columns_and_tables_are_told) {
  const std::string name = fresh_schema();
  table_reading absent(name + ".nothing", 0, "");
  EXPECT_TRUE(absent.until([&] { return !absent.error.empty(); }));
  EXPECT_THAT(absent.error, HasSubstr("there is no PostgreSQL table"));
  server().execute("CREATE TABLE " + name + ".t (id int)");
  table_reading lacking(name + ".t", 0, "");
  EXPECT_TRUE(lacking.until([&] { return !lacking.error.empty(); }));
  EXPECT_THAT(lacking.error, HasSubstr("lacks the columns name"));
}

TEST(postgres_table_source, two_rows_of_one_key_are_refused) {
  const std::string table = fresh_schema() + ".t";
  server().execute("CREATE TABLE " + table + " (id int, name text); INSERT INTO " + table + " VALUES (1, 'a'), (1, 'b')");
  table_reading reading(table, 200'000, "");
  EXPECT_TRUE(reading.until([&] { return !reading.error.empty(); }));
  EXPECT_THAT(reading.error, HasSubstr("two rows with one primary key"));
}

}  // namespace
}  // namespace systole::testing
