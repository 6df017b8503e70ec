#include "expr/time/time_zone.h"

#include <charconv>
#include <map>
#include <mutex>
#include <string>

#include "absl/time/time.h"
#include "base/ascii.h"

namespace systole {
namespace {

class fixed_rule final : public zone_rule {
 public:
  explicit fixed_rule(int64_t offset) : offset_(offset) {}
  int64_t to_local(int64_t utc) const override { return utc + offset_; }
  int64_t to_utc(int64_t local) const override { return local - offset_; }

 private:
  int64_t offset_;
};

int64_t floor_seconds(int64_t micros) { return micros >= 0 ? micros / 1'000'000 : -((-micros + 999'999) / 1'000'000); }

class named_rule final : public zone_rule {
 public:
  explicit named_rule(absl::TimeZone zone) : zone_(zone) {}
  int64_t to_local(int64_t utc) const override {
    return utc + int64_t{zone_.At(absl::FromUnixSeconds(floor_seconds(utc))).offset} * 1'000'000;
  }
  int64_t to_utc(int64_t local) const override {
    const int64_t seconds = floor_seconds(local);
    const absl::CivilSecond civil = absl::ToCivilSecond(absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
    const absl::TimeZone::TimeInfo info = zone_.At(civil);
    const absl::Time instant = info.kind == absl::TimeZone::TimeInfo::REPEATED ? info.post : info.pre;
    return local + (absl::ToUnixSeconds(instant) - seconds) * 1'000'000;
  }

 private:
  absl::TimeZone zone_;
};

/// "+02", "-5:30", "EST5": hours west of Greenwich, after an optional name of letters.
std::shared_ptr<const zone_rule> posix_zone(std::string_view name) {
  size_t letters = 0;
  while (letters < name.size() && ascii::is_letter(name[letters])) ++letters;
  std::string_view rest = name.substr(letters);
  if (rest.empty() || (letters > 0 && letters < 3)) return nullptr;
  const bool negative = rest[0] == '-';
  if (rest[0] == '-' || rest[0] == '+') rest.remove_prefix(1);
  int64_t seconds = 0, unit = 3600;
  for (; unit > 0; unit /= 60) {
    int value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc() || value < 0 || value > (unit == 3600 ? 167 : 59)) return nullptr;
    seconds += value * unit;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    if (rest.empty()) break;
    if (rest[0] != ':') return nullptr;
    rest.remove_prefix(1);
  }
  return fixed_zone((negative ? seconds : -seconds) * 1'000'000);
}

bool is_utc(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower == "utc" || lower == "z" || lower == "zulu" || lower == "gmt" || lower == "ut" || lower == "etc/utc";
}

/// Abbreviations that are fixed offsets in PostgreSQL's default set; those of zones with summer time too.
std::shared_ptr<const zone_rule> abbreviation(std::string_view name) {
  static const std::map<std::string, int, std::less<>> hours = {
      {"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6},
      {"PST", -8}, {"PDT", -7}, {"CET", 1},  {"CEST", 2}, {"EET", 2},  {"EEST", 3},
      {"WET", 0},  {"WEST", 1}, {"BST", 1},  {"MSK", 3},  {"JST", 9}};
  std::string upper(name);
  for (char& c : upper) c = ascii::upper(c);
  const auto found = hours.find(upper);
  return found == hours.end() ? nullptr : fixed_zone(int64_t{found->second} * 3'600'000'000);
}

std::shared_ptr<const zone_rule> make_zone(std::string_view name) {
  if (is_utc(name)) return fixed_zone(0);
  if (auto made = abbreviation(name)) return made;
  if (name.size() > 64 || name.empty() || name[0] == '/' || name[0] == ':' || name.find("..") != std::string_view::npos)
    return nullptr;
  absl::TimeZone zone;
  if (name.find('/') != std::string_view::npos && absl::LoadTimeZone(std::string(name), &zone))
    return std::make_shared<named_rule>(zone);
  return posix_zone(name);
}

}  // namespace

std::shared_ptr<const zone_rule> fixed_zone(int64_t offset_micros) {
  return std::make_shared<fixed_rule>(offset_micros);
}

std::shared_ptr<const zone_rule> find_zone(std::string_view name) {
  static std::mutex lock;
  static std::map<std::string, std::shared_ptr<const zone_rule>, std::less<>> known;
  constexpr size_t most = 1024;
  const std::lock_guard guard(lock);
  if (const auto found = known.find(name); found != known.end()) return found->second;
  std::shared_ptr<const zone_rule> made = make_zone(name);
  if (known.size() < most) known.emplace(name, made);
  return made;
}

}  // namespace systole
