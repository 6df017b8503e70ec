#include "app/progress_display.h"

#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "data/calendar.h"

namespace systole {
namespace {

constexpr auto live_interval = std::chrono::milliseconds(200);
constexpr auto plain_interval = std::chrono::seconds(5);
constexpr auto json_interval = std::chrono::seconds(1);

uint64_t total(const std::vector<step_progress>& steps) {
  uint64_t sum = 0;
  for (const step_progress& each : steps) sum += each.in;
  return sum;
}

double rate(const std::vector<step_progress>& steps) {
  double sum = 0;
  for (const step_progress& each : steps) sum += each.per_second;
  return sum;
}

std::string printed(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

std::string watermark_text(timestamp_us watermark) {
  if (watermark == watermark_none) return "-";
  if (watermark == watermark_end) return "end";
  std::string text;
  append_timestamp(text, watermark / micros_per_second * micros_per_second, 'T');
  return text + "Z";
}

void append_json_text(std::string& out, const std::string& text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) out += ' ';
    else out += c;
  }
  out += '"';
}

void append_json_steps(std::string& out, const std::vector<step_progress>& steps) {
  out += '[';
  for (const step_progress& each : steps) {
    if (out.back() != '[') out += ',';
    out += "{\"step\":";
    append_json_text(out, each.step);
    out += ",\"rows\":" + std::to_string(each.in) + ",\"per_second\":" + printed("%.0f", each.per_second) + "}";
  }
  out += ']';
}

}  // namespace

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string readable_bytes(uint64_t bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(units)) value /= 1024, ++unit;
  return printed(unit == 0 || value >= 100 ? "%.0f " : "%.1f ", value) + units[unit];
}

std::optional<progress_display::style> progress_display::parse(const std::string& name, bool console_in_use) {
  if (name == "none") return style::none;
  if (name == "plain") return style::plain;
  if (name == "json") return style::json;
  if (name == "live") return style::live;
  if (name != "auto") return std::nullopt;
  if (::isatty(STDERR_FILENO) == 0) return style::plain;
  return console_in_use ? style::none : style::live;
}

std::string progress_display::line(const job_progress& progress) const {
  std::string made = "in " + grouped(total(progress.sources)) + " (" + grouped(static_cast<uint64_t>(rate(progress.sources))) +
                     "/s)  out " + grouped(total(progress.sinks)) + "  rejected " + grouped(progress.rejected);
  if (progress.watermark != watermark_none) made += "  watermark " + watermark_text(progress.watermark);
  if (progress.event_time_lag_us > 0 && progress.watermark != watermark_end)
    made += "  lag " + printed("%.1f s", static_cast<double>(progress.event_time_lag_us) / 1e6);
  made += "  checkpoint " + (progress.last_epoch == 0 ? "-" : std::to_string(progress.last_epoch));
  if (progress.checkpoint_age_us >= 0)
    made += printed(" (%.1f s ago", static_cast<double>(progress.checkpoint_age_us) / 1e6) +
            printed(", took %.0f ms)", static_cast<double>(progress.checkpoint_duration_us) / 1e3);
  return made + "  state " + readable_bytes(progress.state_bytes);
}

void progress_display::print_json(const job_progress& progress) const {
  std::string out = "{\"elapsed_s\":" + printed("%.3f", static_cast<double>(progress.elapsed.count()) / 1e6) +
                    ",\"attempt\":" + std::to_string(progress.attempt) + ",\"sources\":";
  append_json_steps(out, progress.sources);
  out += ",\"sinks\":";
  append_json_steps(out, progress.sinks);
  out += ",\"rejected\":" + std::to_string(progress.rejected) + ",\"watermark\":";
  append_json_text(out, watermark_text(progress.watermark));
  out += ",\"checkpoint\":" + std::to_string(progress.last_epoch) +
         ",\"checkpoint_duration_us\":" + std::to_string(progress.checkpoint_duration_us) +
         ",\"checkpoint_age_us\":" + std::to_string(progress.checkpoint_age_us) +
         ",\"state_bytes\":" + std::to_string(progress.state_bytes) + ",\"queued_bytes\":" + std::to_string(progress.queued_bytes);
  if (first_row_seconds_ >= 0) out += ",\"first_row_s\":" + printed("%.3f", first_row_seconds_);
  std::fprintf(stderr, "%s}\n", out.c_str());
}

void progress_display::show(const job_progress& progress) {
  const bool first = first_row_seconds_ < 0 && total(progress.sinks) > 0;
  if (first) first_row_seconds_ = static_cast<double>(progress.elapsed.count()) / 1e6;
  if (style_ == style::none) return;
  const auto interval = style_ == style::live    ? std::chrono::microseconds(live_interval)
                        : style_ == style::plain ? std::chrono::microseconds(plain_interval)
                                                 : std::chrono::microseconds(json_interval);
  if (last_shown_ && progress.elapsed - *last_shown_ < interval && !(first && style_ == style::json)) return;
  if (!last_shown_ && style_ == style::plain && progress.elapsed < plain_interval) return;
  last_shown_ = progress.elapsed;
  switch (style_) {
    case style::none: break;
    case style::json: print_json(progress); break;
    case style::plain: std::fprintf(stderr, "%s\n", line(progress).c_str()); break;
    case style::live:
      std::fprintf(stderr, "\r\033[K%s%s%s", color_ ? "\033[2m" : "", line(progress).c_str(), color_ ? "\033[0m" : "");
      std::fflush(stderr);
      on_live_line_ = true;
      break;
  }
}

void progress_display::end() {
  if (on_live_line_) std::fputs("\r\033[K", stderr);
  on_live_line_ = false;
}

void progress_display::tell(const job_event& event) {
  if (event.what == job_event::kind::checkpointed || event.what == job_event::kind::started) return;
  const bool always = event.what == job_event::kind::failed || event.what == job_event::kind::rewound;
  if (style_ == style::none && !always) return;
  end();
  if (style_ == style::json) {
    std::string out = "{\"event\":";
    append_json_text(out, event.message);
    std::fprintf(stderr, "%s}\n", out.c_str());
  } else {
    std::fprintf(stderr, "%s\n", event.message.c_str());
  }
}

std::string accounting_table(const std::vector<step_report>& steps) {
  using counter = uint64_t step_accounting::*;
  constexpr std::pair<const char*, counter> columns[] = {
      {"in", &step_accounting::in},           {"out", &step_accounting::out},
      {"rejected", &step_accounting::rejected}, {"late", &step_accounting::late},
      {"filtered", &step_accounting::filtered}, {"deduplicated", &step_accounting::deduplicated},
      {"waiting", &step_accounting::waiting}, {"absorbed", &step_accounting::absorbed},
      {"matched", &step_accounting::matched}, {"unmatched", &step_accounting::unmatched},
      {"flagged", &step_accounting::flagged}};
  std::vector<std::vector<std::string>> cells{{"step"}};
  std::vector<counter> shown;
  for (const auto& [name, member] : columns) {
    const bool used = std::any_of(steps.begin(), steps.end(), [&, m = member](const step_report& s) { return s.counts.*m != 0; });
    if (!used) continue;
    cells[0].push_back(name);
    shown.push_back(member);
  }
  for (const step_report& each : steps) {
    if (each.role.starts_with("planned:")) continue;
    cells.push_back({each.role.empty() ? each.step : each.step + " (" + each.role + ")"});
    for (const counter member : shown) cells.back().push_back(each.counts.*member ? grouped(each.counts.*member) : "");
  }
  std::vector<size_t> widths(cells[0].size());
  for (const auto& row : cells)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  for (const auto& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - row[i].size(), ' ');
      out += i == 0 ? row[i] + blanks : "  " + blanks + row[i];
    }
    while (out.back() == ' ') out.pop_back();
    out += '\n';
  }
  for (const step_report& each : steps)
    for (const auto& [rule, count] : each.counts.by_rule) out += "  " + each.step + ": " + rule + " " + grouped(count) + "\n";
  return out;
}

}  // namespace systole
