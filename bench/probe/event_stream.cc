#include "bench/probe/event_stream.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

namespace latency_bench {
namespace {

[[noreturn]] void refuse(const std::string& path, const char* why) {
  std::fprintf(stderr, "latency_probe: %s: %s\n", path.c_str(), why);
  std::exit(1);
}

/// What follows `name` in the line up to `end`; empty where it is not there.
std::string_view after(std::string_view line, std::string_view name, char end) {
  const size_t found = line.find(name);
  if (found == std::string_view::npos) return {};
  const size_t begin = found + name.size(), stop = line.find(end, begin);
  return stop == std::string_view::npos ? std::string_view() : line.substr(begin, stop - begin);
}

}  // namespace

event_stream::event_stream(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream whole;
  if (!file || !(whole << file.rdbuf())) refuse(path, "cannot be read");
  text_ = std::move(whole).str();
  std::unordered_set<std::string_view> ids;
  std::unordered_map<std::string, int32_t> units;
  for (size_t begin = 0; begin < text_.size();) {
    const size_t end = std::min(text_.find('\n', begin), text_.size());
    const std::string_view text(text_.data() + begin, end - begin);
    const std::string_view id = after(text, "\"event_id\":\"", '"'), type = after(text, "\"event_type\":\"", '"');
    const std::string_view hospital = after(text, "\"hospital_id\":", ','),
                           department = after(text, "\"department\":\"", '"');
    if (id.size() != 36 || type.empty() || hospital.empty() || department.empty())
      refuse(path, "a line is no hospital event");
    const std::string unit = std::string(hospital) + "," + std::string(department);
    lines_.push_back({.begin = begin,
                      .id = static_cast<uint64_t>(id.data() - text_.data()),
                      .length = static_cast<uint32_t>(text.size()),
                      .unit = units.emplace(unit, static_cast<int32_t>(units.size())).first->second,
                      .change = type == "ADMISSION" ? 1 : -1,
                      .counts = ids.insert(id).second});
    begin = end + 1;
  }
  if (lines_.empty()) refuse(path, "has no events");
  occupied_.resize(units.size());
}

std::string_view event_stream::next(event_fact& fact) {
  if (at_ == lines_.size()) at_ = 0, ++lap_;
  const line& it = lines_[at_++];
  if (lap_ > 0) {
    // No id of the first lap begins with such a letter, and 112 random bits are left.
    char digits[8];
    std::snprintf(digits, sizeof digits, "%c%03x", static_cast<char>('g' + (lap_ >> 12) % 20), lap_ & 0xfff);
    text_.replace(it.id, 4, digits, 4);
  }
  if (it.counts) occupied_[static_cast<size_t>(it.unit)] += it.change;
  fact = {it.unit, occupied_[static_cast<size_t>(it.unit)], it.counts};
  return {text_.data() + it.begin, it.length};
}

std::string filling_line(uint64_t number, size_t key_bytes) {
  constexpr std::string_view alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  std::string key = std::to_string(number) + "-";
  // Text that does not compress to nothing, as a state of real keys would not either.
  for (uint64_t bits = number; key.size() < key_bytes;) {
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL + 0x9e3779b97f4a7c15ULL;
    for (int shift = 4; shift < 64; shift += 6) key += alphabet[bits >> shift & 63];
  }
  key.resize(std::max(key_bytes, std::to_string(number).size() + 1));
  return "{\"event_type\":\"FILL\",\"event_id\":\"" + key + "\"}";
}

}  // namespace latency_bench
