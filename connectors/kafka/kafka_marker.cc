#include "connectors/kafka/kafka_marker.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <array>
#include <charconv>

namespace systole {
namespace {

constexpr std::string_view version = "systole-marker-1";
constexpr size_t words = 7;

uint64_t checksum(std::string_view key, std::string_view text) {
  return XXH3_64bits_withSeed(text.data(), text.size(), XXH3_64bits(key.data(), key.size()));
}

bool read_number(std::string_view word, uint64_t& into, int base = 10) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), into, base);
  return error == std::errc() && end == word.data() + word.size();
}

}  // namespace

std::string marker_key(std::string_view job, std::string_view sink, uint32_t shard) {
  return fmt::format("{}/{}/{}", job, sink, shard);
}

std::string encode_marker(std::string_view key, const kafka_marker& marker) {
  const std::string text = fmt::format("{} {} {} {} {} {:016x}", version, marker.epoch, marker.previous, marker.staged,
                                       marker.rows, marker.xxh3);
  return fmt::format("{} {:016x}", text, checksum(key, text));
}

result<kafka_marker> decode_marker(std::string_view key, std::string_view value) {
  const failure broken =
      fail(error_code::corrupt, "a marker of " + std::string(key) + " cannot be read; is the marker topic another's?");
  std::array<std::string_view, words> word;
  std::string_view rest = value;
  for (size_t i = 0; i < words; ++i) {
    const size_t end = rest.find(' ');
    if ((end == std::string_view::npos) != (i + 1 == words)) return broken;
    word[i] = rest.substr(0, end);
    if (end != std::string_view::npos) rest.remove_prefix(end + 1);
  }
  kafka_marker made;
  uint64_t sum = 0;
  if (word[0] != version || !read_number(word[1], made.epoch) || !read_number(word[2], made.previous) ||
      !read_number(word[4], made.rows) || !read_number(word[5], made.xxh3, 16) || !read_number(word[6], sum, 16))
    return broken;
  if (sum != checksum(key, value.substr(0, value.size() - word[6].size() - 1))) return broken;
  made.staged = std::string(word[3]);
  return made;
}

std::string describe(const std::optional<kafka_marker>& marker) {
  if (!marker) return "no epoch";
  return fmt::format("epoch {} ({})", marker->epoch, marker->staged);
}

}  // namespace systole
