#include "tests/data/same_rows.h"

#include <bit>
#include <limits>

#include "tests/data/columns.h"

namespace systole::testing {
namespace {

bool same_value(const column& a, const column& b, size_t row) {
  if (a.type().is_text_like()) return a.text(row) == b.text(row);
  if (a.type().has_row_scales() && a.scale(row) != b.scale(row)) return false;
  const size_t width = value_width(a.type().id);
  return std::memcmp(static_cast<const char*>(a.raw_values()) + row * width,
                     static_cast<const char*>(b.raw_values()) + row * width, width) == 0;
}

void expect_same_column(const column& actual, const column& expected, const std::string& name) {
  ASSERT_TRUE(actual.type() == expected.type())
      << name << ": " << to_string(actual.type()) << " and " << to_string(expected.type());
  ASSERT_EQ(actual.size(), expected.size()) << name;
  for (size_t row = 0; row < actual.size(); ++row) {
    ASSERT_EQ(actual.is_null(row), expected.is_null(row)) << name << ", row " << row;
    if (expected.is_valid(row)) {
      ASSERT_TRUE(same_value(actual, expected, row)) << name << ", row " << row;
    }
  }
}

std::string random_text(std::mt19937_64& random) {
  std::string text(random() % 3 ? random() % 20 : random() % 300, '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  if (random() % 4 == 0) text = "0a1b2c3d-4e5f-6789-abcd-ef0123456789";
  return text;
}

column_ptr random_column(std::mt19937_64& random, data_type type, size_t rows, bool nulls) {
  column_builder builder(type, rows);
  for (size_t row = 0; row < rows; ++row) {
    if (nulls && random() % 4 == 0) {
      builder.append_null();
      continue;
    }
    switch (value_width(type.id)) {
      case 1: builder.append<uint8_t>(random() % 2); break;
      case 4: builder.append(static_cast<int32_t>(random())); break;
      case 8: builder.append(static_cast<int64_t>(random())); break;
      default:
        if (type.is_text_like()) builder.append_text_copy(random_text(random));
        else if (type.is(type_id::interval)) builder.append(interval_value{static_cast<int32_t>(random()), 3, -7});
        else builder.append_numeric(static_cast<int64_t>(random()) >> 5, static_cast<uint8_t>(random() % 39));
    }
  }
  return builder.finish();
}

constexpr data_type types[] = {
    {type_id::boolean},        {type_id::int32},          {type_id::int64},   {type_id::float64}, {type_id::numeric},
    {type_id::numeric, 18, 4}, {type_id::numeric, 38, 9}, {type_id::text},    {type_id::bytea},   {type_id::date},
    {type_id::timestamptz},    {type_id::timestamp},      {type_id::interval}};

}  // namespace

void expect_same_rows(const batch& actual, const batch& expected) {
  ASSERT_EQ(actual.rows(), expected.rows());
  ASSERT_EQ(actual.columns().size(), expected.columns().size());
  for (size_t i = 0; i < expected.columns().size(); ++i)
    expect_same_column(actual.at(i), expected.at(i), "column " + std::to_string(i));
  for (size_t i = 0; i < hidden_count; ++i) {
    const auto which = static_cast<hidden>(i);
    ASSERT_EQ(actual.has(which), expected.has(which)) << "hidden column " << i;
    if (expected.has(which))
      expect_same_column(*actual.hidden_column(which), *expected.hidden_column(which),
                         "hidden column " + std::to_string(i));
  }
}

batch every_type() {
  const std::string long_text = "a text that does not fit twelve bytes", nines(38, '9');
  constexpr auto least = std::numeric_limits<int64_t>::min();
  batch rows(4, {booleans({1, 0, std::nullopt, 1}), ints({42, std::numeric_limits<int32_t>::min(), std::nullopt, 0}),
                 bigints({42, least, std::nullopt, 0}),
                 doubles({98.6, -0.0, std::nullopt, std::numeric_limits<double>::infinity()}),
                 numerics({"1.50", "-" + nines, std::nullopt, "0." + nines}),
                 numerics({"1.50", "-9999999999999999.99", std::nullopt, "0"}, 18, 2),
                 numerics({"1.50", "-999999999999999999999999999999999999.99", std::nullopt, "0"}, 38, 2),
                 texts({"Cardiology", "", std::nullopt, long_text}),
                 texts({std::string("\x00\xff", 2), "", std::nullopt, long_text}, type_id::bytea),
                 fixed<int32_t>(type_id::date, {20'484, -1, std::nullopt, 0}),
                 times({1'767'225'600'000'000, -1, std::nullopt, 0}),
                 fixed<int64_t>(type_id::timestamp, {1'767'225'600'000'000, -1, std::nullopt, 0}),
                 fixed<interval_value>(type_id::interval, {interval_value{1, 2, 3}, interval_value{-1, -2, -3},
                                                           std::nullopt, interval_value{}})});
  rows.set_hidden(hidden::event_time, times({1'767'225'600'000'001, least, std::nullopt, 7}));
  rows.set_hidden(hidden::ingestion_time, times({1'767'225'600'000'002, 3, 4, 5}));
  column_builder positions({type_id::numeric, 38, 0}, 4);
  for (uint16_t row = 0; row < 4; ++row)
    positions.append(
        static_cast<int128>(row_position{static_cast<uint16_t>(0xfff0 + row), 7, 1'000'000u + row, row}.pack()));
  rows.set_hidden(hidden::position, positions.finish());
  rows.set_hidden(hidden::kind, booleans({0, 1, 2, 3}));
  rows.set_hidden(hidden::raw, texts({"{}", long_text, std::nullopt, ""}, type_id::bytea));
  return rows;
}

batch random_batch(std::mt19937_64& random) {
  const size_t rows = random() % 201;
  std::vector<column_ptr> columns;
  for (uint64_t count = 1 + random() % 6; count > 0; --count)
    columns.push_back(random_column(random, types[random() % std::size(types)], rows, random() % 2));
  batch made(rows, std::move(columns));
  for (const hidden which : {hidden::event_time, hidden::ingestion_time, hidden::raw})
    if (random() % 2)
      made.set_hidden(which, random_column(random, hidden_types[static_cast<size_t>(which)], rows, random() % 2));
  return made;
}

std::string unhex(std::string_view digits) {
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  return out;
}

}  // namespace systole::testing
