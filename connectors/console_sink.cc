#include "connectors/console_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/bytes.h"
#include "data/key_encoding.h"
#include "formats/record_encoder.h"

namespace systole {
namespace {

constexpr int64_t redraw_interval_us = 500'000;
constexpr size_t default_rows = 40;
constexpr size_t kept_rows = 100'000;  ///< of the live table; changes of further keys are printed as they come, or told
constexpr size_t widest_column = 40;

std::string_view kind_text(row_kind kind) {
  switch (kind) {
    case row_kind::insert: return "+I";
    case row_kind::update_before: return "-U";
    case row_kind::update_after: return "+U";
    case row_kind::erase: return "-D";
  }
  return "+I";
}

struct console_settings {
  schema columns;
  std::vector<size_t> key;
  bool changelog = false;
  bool terminal = false;
  int64_t interval_us = redraw_interval_us;
  size_t rows = default_rows;  ///< shown on a terminal
  std::string title;           ///< above the table
  const clock* time = nullptr;
};

/// The cells of one row of the table.
using table_line = std::vector<std::string>;

size_t characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

class console_writer final : public sink_writer {
 public:
  explicit console_writer(console_settings settings)
      : settings_(std::move(settings)), encoder_(make_csv_encoder(settings_.columns)) {
    for (const field& each : settings_.columns.fields)
      cell_encoders_.push_back(make_csv_encoder(schema{{each}}));
  }

  result<void> write(const batch& rows) override {
    if (!settings_.changelog || (!settings_.terminal && settings_.key.empty())) return print_lines(rows);
    keep(rows);
    if (!beyond_.empty() && !settings_.terminal) SYSTOLE_TRY(print_lines(gather(rows, beyond_)));
    return due() ? show() : result<void>();
  }
  result<sealed_epoch> seal(epoch_id, bool is_last) override {
    if (changed_ && (is_last || due())) SYSTOLE_TRY(show());
    return sealed_epoch{};
  }
  result<void> make_durable(epoch_id) override { return {}; }

  /// The live table's lines, so that it is whole after a restart.
  std::string snapshot() override {
    std::string out;
    for (const auto& [key, line] : table_) {
      append_bytes(out, key);
      append_varint(out, line.size());
      for (const std::string& cell : line) append_bytes(out, cell);
    }
    return out;
  }
  result<void> restore(std::string_view bytes) override {
    byte_reader in(bytes);
    while (in.ok() && !in.at_end()) {
      std::string key(in.bytes());
      table_line line;
      for (uint64_t n = in.varint(); n > 0 && in.ok(); --n) line.emplace_back(in.bytes());
      if (in.ok()) table_[std::move(key)] = std::move(line);
    }
    changed_ = true;
    full_ = table_.size() >= kept_rows;
    return in.ok() ? result<void>() : fail(error_code::corrupt, "a console's state cannot be read");
  }

 private:
  bool due() const {
    return settings_.time->monotonic() - drawn_ >= std::chrono::microseconds(settings_.interval_us);
  }

  static result<void> put(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return {};
    return fail(error_code::io, "cannot write to stdout");
  }

  result<void> print_lines(const batch& rows) {
    encode_buffer lines;
    std::vector<size_t> ends;
    if (!header_printed_) {
      if (settings_.changelog) lines.append("op,");
      encoder_->append_header(lines);
      header_printed_ = true;
    }
    if (!settings_.changelog) {
      encoder_->encode(rows, lines);
      return put(lines.view());
    }
    encode_buffer plain;
    encoder_->encode(rows, plain, &ends);
    for (size_t row = 0; row < rows.rows(); ++row) {
      const size_t begin = row ? ends[row - 1] : 0;
      lines.append(kind_text(rows.kind(row)));
      lines.append(",");
      lines.append(plain.view().substr(begin, ends[row] - begin));
    }
    return put(lines.view());
  }

  result<void> show() { return settings_.terminal ? draw() : print_changes(); }

  /// Where there is no terminal: one line per key that changed since the last time.
  result<void> print_changes() {
    std::string lines;
    if (!std::exchange(header_printed_, true)) {
      encode_buffer header;
      encoder_->append_header(header);
      lines.append("op,").append(header.view());
    }
    for (const auto& [key, before] : before_) {
      const auto now = table_.find(key);
      if (now == table_.end() && before.empty()) continue;  // came and went
      if (now != table_.end() && now->second == before) continue;
      lines.append(kind_text(now == table_.end() ? row_kind::erase : before.empty() ? row_kind::insert : row_kind::update_after));
      for (const std::string& cell : now == table_.end() ? before : now->second) lines.append(",").append(cell);
      lines.append("\n");
    }
    before_.clear();
    drawn_ = settings_.time->monotonic();
    changed_ = false;
    return lines.empty() ? result<void>() : put(lines);
  }

  void keep(const batch& rows) {
    std::vector<const column*> key;
    for (size_t index : settings_.key) key.push_back(&rows.at(index));
    if (key.empty())
      for (const column_ptr& each : rows.columns()) key.push_back(each.get());
    encoded_.encode(key, rows.rows());
    beyond_.clear();
    for (uint32_t row = 0; row < rows.rows(); ++row) {
      std::string bytes(encoded_.key(row));
      changed_ = true;
      // Once full, keys that are not in the table stay outside, or it could not be told which were told before.
      if ((full_ || table_.size() >= kept_rows) && !table_.contains(bytes)) {
        full_ = true;
        if (rows.kind(row) != row_kind::update_before) beyond_.push_back(row);  // its +U follows
        continue;
      }
      if (!settings_.terminal && !before_.contains(bytes)) {
        const auto found = table_.find(bytes);
        before_.emplace(bytes, found == table_.end() ? table_line() : found->second);
      }
      if (sign(rows.kind(row)) > 0) {
        table_[std::move(bytes)] = cells(rows, row);
      } else if (rows.kind(row) == row_kind::erase || settings_.key.empty()) {
        table_.erase(bytes);  // a -U is followed by its key's +U
      }
    }
  }

  table_line cells(const batch& rows, size_t row) {
    table_line line;
    const batch one = slice(rows, row, 1);
    for (size_t c = 0; c < rows.columns().size(); ++c) {
      encode_buffer text;
      cell_encoders_[c]->encode(batch(1, {one.share(c)}), text);
      std::string cell(text.view().substr(0, text.size() - 1));
      if (cell == "\"\"") cell.clear();
      for (char& each : cell)
        if (static_cast<unsigned char>(each) < 0x20) each = ' ';  // no control sequence reaches the terminal
      line.push_back(std::move(cell));
    }
    return line;
  }

  result<void> draw() {
    table_line header;
    std::vector<size_t> widths;
    for (const field& each : settings_.columns.fields) {
      header.push_back(each.name);
      widths.push_back(each.name.size());
    }
    std::vector<const table_line*> lines;
    for (const auto& [key, line] : table_) lines.push_back(&line);
    std::sort(lines.begin(), lines.end(), [](const table_line* a, const table_line* b) { return *a < *b; });
    const size_t shown = std::min(lines.size(), settings_.rows);
    for (size_t i = 0; i < shown; ++i)
      for (size_t c = 0; c < widths.size(); ++c)
        widths[c] = std::min(widest_column, std::max(widths[c], characters((*lines[i])[c])));
    // Goes back to the table's first line and clears what was there.
    std::string out = drawn_lines_ ? fmt::format("\x1b[{}A\x1b[J", drawn_lines_) : std::string();
    if (!settings_.title.empty()) out += settings_.title + "\n";
    append_line(out, header, widths);
    for (size_t i = 0; i < shown; ++i) append_line(out, *lines[i], widths);
    drawn_lines_ = shown + (settings_.title.empty() ? 1 : 2);
    if (lines.size() > shown) {
      out += fmt::format("... {} more\n", lines.size() - shown);
      ++drawn_lines_;
    }
    if (full_) {
      out += fmt::format("... and keys beyond the first {}\n", kept_rows);
      ++drawn_lines_;
    }
    drawn_ = settings_.time->monotonic();
    changed_ = false;
    return put(out);
  }

  static void append_line(std::string& out, const table_line& line, const std::vector<size_t>& widths) {
    for (size_t c = 0; c < line.size(); ++c) {
      if (c) out += "  ";
      std::string cell = line[c];
      if (characters(cell) > widths[c]) {
        size_t bytes = 0, count = 0;
        while (bytes < cell.size() && (count < widths[c] || (cell[bytes] & 0xc0) == 0x80))
          count += (cell[bytes++] & 0xc0) != 0x80;
        cell.resize(bytes);
      }
      out += cell;
      out.append(widths[c] - std::min(widths[c], characters(cell)), ' ');
    }
    out += '\n';
  }

  const console_settings settings_;
  std::unique_ptr<record_encoder> encoder_;
  std::vector<std::unique_ptr<record_encoder>> cell_encoders_;
  encoded_keys encoded_;
  std::map<std::string, table_line> table_;
  std::map<std::string, table_line> before_;  ///< no terminal: what was printed of the keys that changed since; empty: nothing
  std::chrono::nanoseconds drawn_ = std::chrono::nanoseconds::min() / 2;
  size_t drawn_lines_ = 0;
  bool changed_ = false;
  bool full_ = false;             ///< table_ has had kept_rows
  std::vector<uint32_t> beyond_;  ///< rows of the batch whose keys are not in the full table_
  bool header_printed_ = false;
};

class console_committer final : public sink_committer {
 public:
  result<void> recover(epoch_id) override { return {}; }
  result<void> commit(const commit_epoch&, const std::vector<shard_commit>&) override { return {}; }
};

class console_factory final : public sink_factory {
 public:
  explicit console_factory(console_settings settings) : settings_(std::move(settings)) {}
  bool accepts_changelog() const override { return true; }
  uint32_t max_shards() const override { return 1; }
  bool needs_terminal() const override { return true; }
  result<std::unique_ptr<sink_writer>> make_writer(uint32_t, uint32_t) override {
    return std::unique_ptr<sink_writer>(std::make_unique<console_writer>(settings_));
  }
  result<std::unique_ptr<sink_committer>> make_committer(uint32_t) override {
    return std::unique_ptr<sink_committer>(std::make_unique<console_committer>());
  }

 private:
  console_settings settings_;
};

}  // namespace

result<std::unique_ptr<sink_factory>> make_console_sink(const proto::Node& node, const sink_input& input,
                                                        const connector_context& context) {
  console_settings settings;
  settings.columns = input.columns;
  settings.changelog = input.changelog;
  settings.terminal = context.console_is_terminal;
  settings.time = context.time;
  if (node.sink().interval_us() > 0) settings.interval_us = node.sink().interval_us();
  const auto& options = node.sink().options();
  if (const auto rows = options.find("rows"); rows != options.end())
    settings.rows = static_cast<size_t>(std::max(1, std::atoi(rows->second.c_str())));
  if (const auto title = options.find("title"); title != options.end()) settings.title = title->second;
  std::vector<std::string> key(node.sink().key().begin(), node.sink().key().end());
  if (key.empty()) key = input.upsert_key;
  for (const std::string& name : key) {
    const int index = input.columns.find(name);
    if (index < 0) return fail(error_code::invalid_argument, "a console's key has an unknown column: " + name);
    settings.key.push_back(static_cast<size_t>(index));
  }
  return std::unique_ptr<sink_factory>(std::make_unique<console_factory>(std::move(settings)));
}

}  // namespace systole
