#include <gtest/gtest.h>

#include <random>

#include "decode_support.h"
#include "reference_json.h"
#include "tests/support/seed.h"

namespace systole {
namespace {

using json = reference_json::value;

std::vector<decoder_column> random_columns() {
  return {{.name = "a", .path = {"a"}, .type = {type_id::text}},
          {.name = "b", .path = {"b"}, .type = {type_id::int32}},
          {.name = "c", .path = {"c"}, .type = {type_id::boolean}},
          {.name = "vx", .path = {"v", "x"}, .type = {type_id::int64}},
          {.name = "vy", .path = {"v", "y"}, .type = {type_id::text}},
          {.name = "z", .path = {"a long key of more than 16"}, .type = {type_id::text}}};
}

/// The value that a path leads to, with the last of each key.
const json* find(const json& from, const std::vector<std::string>& path, size_t depth = 0) {
  const json* found = nullptr;
  for (const auto& [key, value] : from.members)
    if (key == path[depth]) found = &value;
  if (!found || depth + 1 == path.size()) return found;
  return found->what == json::kind::object ? find(*found, path, depth + 1) : nullptr;
}

std::string quoted(const std::string& text) {
  if (!text.empty() && text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string expected_cell(const json* value, data_type type) {
  if (!value || value->what == json::kind::null) return "";
  switch (type.id) {
    case type_id::text: return quoted(value->what == json::kind::text ? value->text : value->compact);
    case type_id::boolean: return value->what == json::kind::boolean ? value->text : "";
    default: {
      if (value->what != json::kind::number || value->text.find_first_of(".eE") != std::string::npos ||
          value->text.size() > 25)
        return "";
      __int128 number = 0;
      for (char c : value->text)
        if (c != '-') number = number * 10 + (c - '0');
      if (value->text[0] == '-') number = -number;
      const bool fits =
          type.is(type_id::int32) ? number == static_cast<int32_t>(number) : number == static_cast<int64_t>(number);
      return fits ? std::to_string(static_cast<int64_t>(number)) : "";
    }
  }
}

/// What the decoder must give, line by line.
decoded_text expect(const std::vector<decoder_column>& columns, std::string_view text) {
  decoded_text out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      if (const auto record = reference_json::parse_record(line)) {
        std::string row;
        for (size_t c = 0; c < columns.size(); ++c)
          row += (c ? "," : "") + expected_cell(find(*record, columns[c].path), columns[c].type);
        if (columns.size() == 1 && row.empty()) row = "\"\"";
        out.rows.push_back(row);
        out.offsets.push_back(at);
      } else {
        out.rejects.push_back("!" + std::to_string(at));
      }
    }
    at = end + 1;
  }
  return out;
}

class random_text {
 public:
  explicit random_text(uint64_t seed) : random_(seed) {}
  size_t below(size_t n) { return random_() % n; }

  std::string value(int depth) {
    static const std::vector<std::string> scalars = {"1",
                                                     "-5",
                                                     "0",
                                                     "2147483647",
                                                     "2147483648",
                                                     "-2147483649",
                                                     "12345678",
                                                     "123456789012",
                                                     "99999999999999999999",
                                                     "1.5",
                                                     "1e3",
                                                     "true",
                                                     "false",
                                                     "null",
                                                     "\"\"",
                                                     "\"x\"",
                                                     "\"a text of some length, with a comma\"",
                                                     "\"\\u00e4\\n\"",
                                                     "\"\\\\\"",
                                                     "\"\\\"\"",
                                                     "\"\xc3\xa4\"",
                                                     "\"{}[]:,\"",
                                                     "\"\\ud83d\\ude00\""};
    if (depth > 0 && below(4) == 0) return object(depth - 1);
    if (depth > 0 && below(6) == 0) {
      std::string out = "[" + blank();
      for (size_t i = 0, n = below(4); i < n; ++i) out += (i ? "," + blank() : "") + value(depth - 1) + blank();
      return out + "]";
    }
    return scalars[below(scalars.size())];
  }
  std::string object(int depth) {
    static const std::vector<std::string> keys = {
        "a", "b", "c", "v", "x", "y", "a long key of more than 16", "other", "\\u0061", "q\\\"", ""};
    std::string out = "{" + blank();
    const size_t start = below(keys.size());
    for (size_t i = 0, n = below(7); i < n; ++i) {
      const std::string& key = keys[below(3) ? (start + i) % keys.size() : below(keys.size())];
      out += (i ? "," + blank() : "") + "\"" + key + "\"" + blank() + ":" + blank() + value(depth) + blank();
    }
    return out + "}";
  }
  std::string line() {
    std::string out = object(3);
    if (below(3) == 0) mutate(out);
    return out;
  }

 private:
  std::string blank() { return below(5) ? "" : std::string(1 + below(2), below(8) ? ' ' : '\t'); }
  void mutate(std::string& out) {
    static const std::string bytes = "{}[]:,\"\\0123456789-+.eEtrufalsn \t\r\x01\x7f\xc3\xff\xed\xa0\x80";
    for (size_t i = 0, n = 1 + below(3); i < n && !out.empty(); ++i) {
      const size_t at = below(out.size());
      switch (below(5)) {
        case 0: out.erase(at, 1 + below(3)); break;
        case 1: out.insert(at, 1, bytes[below(bytes.size())]); break;
        case 2: out[at] = bytes[below(bytes.size())]; break;
        case 3: out.resize(at); break;
        default: out.insert(at, out.substr(below(out.size()), below(6))); break;
      }
    }
    if (below(10) == 0) out += '\0';
  }
  std::mt19937_64 random_;
};

TEST(json_random, agrees_with_a_slow_parser_on_good_and_broken_lines) {
  const uint64_t seed = testing::make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  random_text random(seed);
  for (int round = 0; round < 400; ++round) {
    std::string text;
    for (size_t i = 0, n = 1 + random.below(40); i < n; ++i) text += random.line() + (random.below(20) ? "\n" : "\r\n");
    if (random.below(3) == 0) text.pop_back();
    // All columns, one of them, and none: what is asked for must not change what is rejected.
    for (size_t columns_wanted : {size_t{6}, size_t{1}, size_t{0}}) {
      std::vector<decoder_column> columns = random_columns();
      columns.resize(columns_wanted);
      decoded_text wanted = expect(columns, text);
      auto decoder = make_json_decoder(columns, {.lenient_text = true});
      const size_t batch_rows = 1 + random.below(60), buffer_bytes = 1 + random.below(600);
      decoded_text got = decode_all(**decoder, columns, text, batch_rows, buffer_bytes);
      ASSERT_EQ(got.rejects, decode_all(**decoder, columns, text).rejects) << "reasons depend on the buffers: " << text;
      if (text.ends_with('\n')) {
        ASSERT_EQ(got, decode_known_lines(**decoder, columns, text, batch_rows)) << text;
      }
      for (std::string& each : got.rejects) each.resize(each.find(' '));
      ASSERT_EQ(got.rejects, wanted.rejects) << text;
      ASSERT_EQ(got.offsets, wanted.offsets) << text;
      if (columns_wanted > 0) {
        ASSERT_EQ(got.rows, wanted.rows) << text;
      }
    }
  }
}

}  // namespace
}  // namespace systole
