#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <random>

#include "connectors/postgres/postgres_binary.h"
#include "data/calendar.h"
#include "data/decimal.h"
#include "postgres_server.h"
#include "tests/support/seed.h"

namespace systole::testing::copy_tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const schema& all_types() {
  static const schema made{{{"flag", {type_id::boolean}},
                            {"small", {type_id::int32}},
                            {"large", {type_id::int64}},
                            {"real", {type_id::float64}},
                            {"money", {type_id::numeric, 38, 9}},
                            {"any_number", {type_id::numeric}},
                            {"note", {type_id::text}},
                            {"bytes", {type_id::bytea}},
                            {"day", {type_id::date}},
                            {"moment", {type_id::timestamptz}},
                            {"span", {type_id::interval}}}};
  return made;
}

std::vector<postgres_wire> wires_of(const schema& columns) {
  std::vector<postgres_wire> made;
  for (const field& each : columns.fields) made.push_back(wire_of(each.type));
  return made;
}

/// Random rows of all types, NULLs and extremes among them; and the text that PostgreSQL must show of each value.
batch random_rows(std::mt19937_64& chance, size_t rows, std::vector<std::vector<std::string>>& shown) {
  shown.assign(rows, {});
  std::vector<column_ptr> columns;
  for (const field& of : all_types().fields) {
    column_builder made(of.type, rows);
    for (size_t row = 0; row < rows; ++row) {
      std::string text;
      const bool extreme = chance() % 8 == 0;
      if (chance() % 10 == 0) {
        made.append_null();
        shown[row].push_back("NULL");
        continue;
      }
      switch (of.type.id) {
        case type_id::boolean: {
          const bool value = chance() % 2;
          made.append<uint8_t>(value);
          text = value ? "true" : "false";
          break;
        }
        case type_id::int32: {
          const auto value = extreme ? INT32_MIN : static_cast<int32_t>(chance());
          made.append<int32_t>(value);
          text = std::to_string(value);
          break;
        }
        case type_id::int64: {
          const auto value = extreme ? INT64_MIN : static_cast<int64_t>(chance());
          made.append<int64_t>(value);
          text = std::to_string(value);
          break;
        }
        case type_id::float64: {
          const double value = static_cast<double>(static_cast<int64_t>(chance() % 4096)) / 8.0;
          made.append<double>(value);
          text = std::to_string(value);
          while (text.back() == '0') text.pop_back();
          if (text.back() == '.') text.pop_back();
          break;
        }
        case type_id::numeric: {
          // As many digits as fit, at any scale.
          const int digits = static_cast<int>(chance() % 39);
          int128 unscaled = 0;
          for (int i = 0; i < digits; ++i) unscaled = unscaled * 10 + static_cast<int>(chance() % 10);
          if (extreme) unscaled = power_of_ten(static_cast<int>(chance() % 38));
          if (chance() % 2) unscaled = -unscaled;
          const auto scale = of.type.precision > 0 ? of.type.scale : static_cast<uint8_t>(chance() % 39);
          made.append_numeric(unscaled, scale);
          text = to_string(decimal{unscaled, scale});
          break;
        }
        case type_id::text:
        case type_id::bytea: {
          for (size_t n = chance() % 40; n > 0; --n) text.push_back(static_cast<char>('a' + chance() % 26));
          if (extreme && of.type.id == type_id::text) text = "\xc3\xa4\t\\\"";
          made.append_text_copy(text);
          if (of.type.id == type_id::bytea) {
            std::string hex = "\\x";
            for (const char each : text) hex += "0123456789abcdef"[each >> 4], hex += "0123456789abcdef"[each & 15];
            text = hex;
          }
          break;
        }
        case type_id::date: {
          const auto value = static_cast<int32_t>(chance() % 100'000) - 50'000;
          made.append<int32_t>(value);
          append_date(text, value);
          break;
        }
        case type_id::timestamptz: {
          const auto value = static_cast<int64_t>(chance() % (200 * 365 * static_cast<uint64_t>(micros_per_day))) - 100 * 365 * micros_per_day;
          made.append<int64_t>(value);
          append_timestamp(text, value, ' ');
          text += "+00";
          break;
        }
        default: {
          const interval_value value{static_cast<int32_t>(chance() % 100) - 50, static_cast<int32_t>(chance() % 100) - 50,
                                     static_cast<int64_t>(chance() % 10'000'000'000) - 5'000'000'000};
          made.append<interval_value>(value);
          append_interval(text, value);
          break;
        }
      }
      shown[row].push_back(text);
    }
    columns.push_back(made.finish());
  }
  return batch(rows, std::move(columns));
}

TEST(postgres_copy, every_type_arrives_as_it_is_and_comes_back) {
  const uint64_t seed = make_seed();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 chance(seed);
  constexpr size_t count = 500;
  std::vector<std::vector<std::string>> shown;
  const batch rows = random_rows(chance, count, shown);
  const std::string table = fresh_schema() + ".t";
  std::string ddl, texts;
  for (const field& each : all_types().fields) {
    ddl += ", " + each.name + " " + postgres_type(each.type);
    texts += ", coalesce(" + each.name + "::text, 'NULL')";
  }
  server().execute("CREATE TABLE " + table + " (n int" + ddl + ")");
  const auto connection = postgres_connection::open(server().settings()).value();
  const postgres_encoder encoder(wires_of(all_types()), true);
  std::string bytes;
  encoder.append_header(bytes);
  encoder.append_rows(bytes, rows, 0, count);
  encoder.append_trailer(bytes);
  ASSERT_TRUE(connection->begin_copy_in("COPY " + table + " FROM STDIN (FORMAT binary)"));
  for (size_t at = 0; at < bytes.size(); at += 1000) ASSERT_TRUE(connection->put(std::string_view(bytes).substr(at, 1000)));
  const auto copied = connection->end_copy_in();
  ASSERT_TRUE(copied) << copied.error().message;
  ASSERT_EQ(*copied, count);
  const auto there = connection->query("SELECT n" + texts + " FROM " + table + " ORDER BY n").value();
  ASSERT_EQ(there.rows(), count);
  for (size_t row = 0; row < count; ++row)
    for (size_t c = 0; c < all_types().fields.size(); ++c) ASSERT_EQ(there.text(row, c + 1), shown[row][c]) << all_types().fields[c].name;
  // And back, in pieces of any length.
  std::string names;
  for (const field& each : all_types().fields) names += (names.empty() ? "" : ", ") + each.name;
  ASSERT_TRUE(connection->begin_copy_out("COPY (SELECT " + names + " FROM " + table + " ORDER BY n) TO STDOUT (FORMAT binary)"));
  postgres_decoder decoder(all_types(), count);
  for (;;) {
    const auto piece = connection->take().value();
    if (!piece) break;
    for (size_t at = 0; at < piece->size(); at += 7) ASSERT_TRUE(decoder.add(piece->substr(at, 7)));
  }
  ASSERT_TRUE(decoder.ended());
  const batch back = decoder.take(true);
  ASSERT_EQ(back.rows(), count);
  std::string again;
  encoder.append_header(again);
  encoder.append_rows(again, back, 0, count);
  encoder.append_trailer(again);
  EXPECT_EQ(again, bytes);
}

TEST(postgres_copy, values_that_our_types_do_not_hold_are_told_by_column) {
  const auto connection = postgres_connection::open(server().settings()).value();
  const auto read = [&](const std::string& value, data_type type) {
    postgres_decoder decoder({{{"v", type}}}, 10);
    EXPECT_TRUE(connection->begin_copy_out("COPY (SELECT " + value + ") TO STDOUT (FORMAT binary)"));
    result<void> done;
    for (;;) {
      const auto piece = connection->take().value();
      if (!piece) break;
      if (done) done = decoder.add(*piece);
    }
    return done ? std::string("fine") : done.error().sqlstate + " " + done.error().message;
  };
  EXPECT_THAT(read("'NaN'::numeric", {type_id::numeric}), AllOf(HasSubstr("22003"), HasSubstr("column v")));
  EXPECT_THAT(read("1e39::numeric", {type_id::numeric}), HasSubstr("22003"));
  EXPECT_THAT(read("123.4::numeric", {type_id::numeric, 3, 1}), HasSubstr("22003"));
  EXPECT_THAT(read("'infinity'::timestamptz", {type_id::timestamptz}), HasSubstr("22008"));
  EXPECT_THAT(read("'-infinity'::date", {type_id::date}), HasSubstr("22008"));
  EXPECT_EQ(read("'294276-12-31'::timestamptz", {type_id::timestamptz}).substr(0, 5), "22008");
  EXPECT_EQ(read("'4714-11-24 BC'::timestamptz", {type_id::timestamptz}), "fine");
}

TEST(postgres_connection, errors_hold_sqlstate_and_names_but_no_values) {
  const std::string name = fresh_schema();
  server().execute("CREATE TABLE " + name + ".t (id int PRIMARY KEY, word text)");
  const auto connection = postgres_connection::open(server().settings()).value();
  const auto failing = [&](const std::string& sql) { return connection->query(sql).error(); };
  ASSERT_TRUE(connection->query("INSERT INTO " + name + ".t VALUES (4711, 'secret')"));
  const failure twice = failing("INSERT INTO " + name + ".t VALUES (4711, 'secret')");
  EXPECT_EQ(twice.code, error_code::data);
  EXPECT_EQ(twice.sqlstate, "23505");
  EXPECT_THAT(twice.message, AllOf(HasSubstr("t_pkey"), Not(HasSubstr("4711")), Not(HasSubstr("secret"))));
  const failure cast = failing("SELECT 'secret'::int");
  EXPECT_EQ(cast.sqlstate, "22P02");
  EXPECT_THAT(cast.message, Not(HasSubstr("secret")));
  const failure raised = failing("DO $$ BEGIN RAISE EXCEPTION 'patient secret'; END $$");
  EXPECT_THAT(raised.message, AllOf(HasSubstr("P0001"), Not(HasSubstr("secret"))));
  const failure missing = failing("SELECT * FROM " + name + ".missing");
  EXPECT_EQ(missing.code, error_code::invalid_argument);
  EXPECT_THAT(missing.message, HasSubstr("missing"));
  EXPECT_FALSE(connection->broken());
}

TEST(postgres_connection, a_wrong_database_is_not_tried_again_and_an_absent_server_is) {
  postgres_settings settings = server().settings();
  for (auto& [name, value] : settings.keywords)
    if (name == "dbname") value = "nowhere";
  const auto wrong = postgres_connection::open(settings);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, error_code::invalid_argument);
  EXPECT_THAT(wrong.error().message, HasSubstr("3D000"));
  settings = server().settings();
  for (auto& [name, value] : settings.keywords)
    if (name == "host") value = "/nowhere";
  const auto absent = postgres_connection::open(settings);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, error_code::unavailable);
}

TEST(postgres_connection, a_frozen_server_is_not_waited_for_for_ever) {
  postgres_settings settings = server().settings();
  settings.answer = std::chrono::milliseconds(400);
  settings.connect = std::chrono::milliseconds(400);
  const auto connection = postgres_connection::open(settings).value();
  server().freeze();
  const auto started = std::chrono::steady_clock::now();
  const auto asked = connection->query("SELECT 1");
  const auto connected = postgres_connection::open(settings);
  const auto took = std::chrono::steady_clock::now() - started;
  server().thaw();
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code, error_code::unavailable);
  EXPECT_TRUE(connection->broken());
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, error_code::unavailable);
  EXPECT_LT(took, std::chrono::seconds(10));
}

TEST(postgres_connection, a_kill_ends_the_call) {
  const auto connection = postgres_connection::open(server().settings()).value();
  server().kill();
  const auto asked = connection->query("SELECT 1");
  server().start();
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code, error_code::unavailable);
  EXPECT_TRUE(connection->broken());
}

}  // namespace
}  // namespace systole::testing::copy_tests
