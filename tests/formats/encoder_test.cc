#include <gtest/gtest.h>

#include <memory>

#include <charconv>
#include <cmath>
#include <random>

#include "decode_support.h"
#include "formats/value_text.h"

namespace systole {
namespace {

batch one_of_each() {
  column_builder text({type_id::text}, 2), number({type_id::int32}, 2), big({type_id::int64}, 2),
      real({type_id::float64}, 2), exact({type_id::numeric, 10, 2}, 2), truth({type_id::boolean}, 2),
      time({type_id::timestamptz}, 2), day({type_id::date}, 2), bytes({type_id::bytea}, 2);
  text.append_text_copy("a \"quoted\", \\ and\n\tlong \x01 text");
  number.append<int32_t>(INT32_MIN);
  big.append<int64_t>(INT64_MIN);
  real.append(98.6);
  exact.append_numeric(-5, 2);
  truth.append<uint8_t>(1);
  time.append<int64_t>(1'767'225'600'000'000 + 5);
  day.append<int32_t>(-1);
  bytes.append_text_copy(std::string_view("\x00\xff", 2));
  for (column_builder* each : {&text, &number, &big, &real, &exact, &truth, &time, &day, &bytes}) each->append_null();
  return batch(2, {text.finish(), number.finish(), big.finish(), real.finish(), exact.finish(), truth.finish(),
                   time.finish(), day.finish(), bytes.finish()});
}

schema columns_of_each() {
  return {{{"t", {type_id::text}},
           {"i", {type_id::int32}},
           {"l", {type_id::int64}},
           {"d", {type_id::float64}},
           {"n", {type_id::numeric, 10, 2}},
           {"b", {type_id::boolean}},
           {"z", {type_id::timestamptz}},
           {"day \"x\"", {type_id::date}},
           {"y", {type_id::bytea}}}};
}

TEST(encoder, json) {
  encode_buffer out;
  make_json_encoder(columns_of_each())->encode(one_of_each(), out);
  EXPECT_EQ(out.view(),
            "{\"t\":\"a \\\"quoted\\\", \\\\ and\\n\\tlong \\u0001 "
            "text\",\"i\":-2147483648,\"l\":-9223372036854775808,\"d\":98.6,\"n\":-0.05,\"b\":true,"
            "\"z\":\"2026-01-01T00:00:00.000005\",\"day \\\"x\\\"\":\"1969-12-31\",\"y\":\"\\\\x00ff\"}\n"
            "{\"t\":null,\"i\":null,\"l\":null,\"d\":null,\"n\":null,\"b\":null,\"z\":null,\"day "
            "\\\"x\\\"\":null,\"y\":null}\n");
}

TEST(encoder, csv) {
  encode_buffer out;
  const auto encoder = make_csv_encoder(columns_of_each());
  encoder->append_header(out);
  encoder->encode(one_of_each(), out);
  EXPECT_EQ(out.view(),
            "t,i,l,d,n,b,z,\"day \"\"x\"\"\",y\n"
            "\"a \"\"quoted\"\", \\ and\n\tlong \x01 "
            "text\",-2147483648,-9223372036854775808,98.6,-0.05,true,2026-01-01 00:00:00.000005,1969-12-31,\\x00ff\n"
            ",,,,,,,,\n");
}

TEST(encoder, empty_text_is_not_null_in_csv) {
  column_builder text({type_id::text}, 2), number({type_id::int32}, 2);
  text.append_text_copy("");
  text.append_null();
  number.append<int32_t>(1);
  number.append<int32_t>(2);
  encode_buffer out;
  make_csv_encoder({{{"t", {type_id::text}}, {"i", {type_id::int32}}}})
      ->encode(batch(2, {text.finish(), number.finish()}), out);
  EXPECT_EQ(out.view(), "\"\",1\n,2\n");
}

TEST(encoder, texts_of_every_length_survive_json) {
  std::mt19937_64 random(7);
  column_builder text({type_id::text}, 3000);
  std::vector<std::string> wanted;
  for (int i = 0; i < 3000; ++i) {
    std::string each;
    for (size_t n = random() % 40; n > 0; --n)
      each += random() % 12 ? static_cast<char>('a' + random() % 26) : "\"\\\n\x1f \x7f"[random() % 6];
    text.append_text_copy(each);
    wanted.push_back(std::move(each));
  }
  encode_buffer out;
  make_json_encoder({{{"t", {type_id::text}}}})->encode(batch(3000, {text.finish()}), out);
  auto decoder = make_json_decoder({{.name = "t", .path = {"t"}, .type = {type_id::text}}}, {.capacity = 3000});
  ASSERT_EQ(*(*decoder)->decode(padded(out.view()), 3000), out.size());
  const decoded_records got = (*decoder)->take();
  ASSERT_EQ(got.rows, 3000u);
  for (size_t i = 0; i < 3000; ++i) EXPECT_EQ(got.columns[0]->text(i), wanted[i]);
}

std::string written(double value) {
  char text[longest_double_text];
  return {text, write_double(text, value)};
}

TEST(value_text, doubles_are_the_shortest_text_that_reads_back) {
  EXPECT_EQ(written(0), "0");
  EXPECT_EQ(written(-0.0), "-0");
  EXPECT_EQ(written(98.6), "98.6");
  EXPECT_EQ(written(-0.5), "-0.5");
  EXPECT_EQ(written(100), "100");
  EXPECT_EQ(written(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(written(1e300), "1e+300");
  std::mt19937_64 random(11);
  for (int i = 0; i < 100'000; ++i) {
    const double value = i % 2
                             ? static_cast<double>(static_cast<int64_t>(random() % 2'000'000'000) - 1'000'000'000) /
                                   std::pow(10, random() % 6)
                             : std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 200) - 100);
    const std::string text = written(value);
    double back = 0;
    std::from_chars(text.data(), text.data() + text.size(), back);
    ASSERT_EQ(back, value) << text;
    char shortest[longest_double_text];
    const size_t length = static_cast<size_t>(
        std::to_chars(shortest, shortest + sizeof shortest, value, std::chars_format::fixed).ptr - shortest);
    if (std::fabs(value) < 1e11 && std::fabs(value) > 1e-3) {
      ASSERT_LE(text.size(), length) << text;
    }
  }
}

TEST(value_text, decimals) {
  const auto text = [](int128 unscaled, uint8_t scale) {
    char into[longest_decimal_text];
    return std::string(into, write_decimal(into, {unscaled, scale}));
  };
  EXPECT_EQ(text(0, 2), "0.00");
  EXPECT_EQ(text(-5, 0), "-5");
  EXPECT_EQ(text(123456, 3), "123.456");
  EXPECT_EQ(text(7, 18), "0.000000000000000007");
  EXPECT_EQ(text(power_of_ten(37) * 9, 0), "9" + std::string(37, '0'));
  EXPECT_EQ(text(-power_of_ten(37), 37), "-1." + std::string(37, '0'));
}

TEST(value_text, times_before_and_behind_the_common_years) {
  time_writer writer;
  const auto text = [&](timestamp_us value) {
    char into[longest_time_text];
    return std::string(into, writer.write(into, value, 'T', second_fraction::as_needed));
  };
  EXPECT_EQ(text(0), "1970-01-01T00:00:00");
  EXPECT_EQ(text(-1), "1969-12-31T23:59:59.999999");
  EXPECT_EQ(text(1'767'225'600'000'000 + 120'000), "2026-01-01T00:00:00.120000");
  EXPECT_EQ(text(253'402'300'800'000'000), "10000-01-01T00:00:00");
}

TEST(json_encoder, escapes_a_byte_wherever_it_stands) {
  for (size_t size = 0; size <= 70; ++size) {
    for (size_t place = 0; place <= size; ++place) {
      for (const char special : {'"', '\\', '\n', '\x01', '\x1f', '\x7f', '\xc3'}) {
        // In a buffer of just its size, so that the sanitizer sees a look beyond it.
        const std::unique_ptr<char[]> text(new char[size]);
        std::string expected = "\"";
        for (size_t i = 0; i < size; ++i) {
          text[i] = i == place ? special : static_cast<char>('a' + i % 26);
          const std::string escaped = special == '"'      ? "\\\""
                                      : special == '\\'   ? "\\\\"
                                      : special == '\n'   ? "\\n"
                                      : special == '\x01' ? "\\u0001"
                                      : special == '\x1f' ? "\\u001f"
                                                          : std::string(1, special);
          expected += i == place ? escaped : std::string(1, text[i]);
        }
        char room[6 * 70 + 18];
        char* const end = write_json_string(room, {text.get(), size});
        ASSERT_EQ(std::string(room, static_cast<size_t>(end - room)), expected + "\"") << size << " " << place;
      }
    }
  }
}

}  // namespace
}  // namespace systole
