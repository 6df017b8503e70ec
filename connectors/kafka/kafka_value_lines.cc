#include "connectors/kafka/kafka_value_lines.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "formats/line_scanner.h"

namespace systole {
namespace {

static_assert(kafka_block::padding >= decode_padding);
constexpr ptrdiff_t most_gap = 16 * limits::kibibyte;  ///< Blanks that are worth less than a window of their own.

/// Where a value lies, or may lie where the record has none.
char* place_of(const kafka_record& record) { return record.has_value ? const_cast<char*>(record.value.data()) : record.begin; }

}  // namespace

bool kafka_value_lines::must_end(const kafka_record& record, std::string_view value, const kafka_block& block) const {
  if (empty()) return false;
  if (!json_) return size() + value.size() + 1 > window_.size;
  return window_.bytes != block.bytes || place_of(record) - next_ > most_gap;
}

kafka_value_lines::line kafka_value_lines::add(const kafka_record& record, std::string_view value, const kafka_block& block) {
  char* text = next_;
  if (json_) {
    text = place_of(record);
    if (empty()) {
      window_ = block;
      first_ = next_ = text;
    }
    std::memset(next_, ' ', static_cast<size_t>(text - next_));
  } else if (empty()) {
    copy_window(value.size() + 1);
    text = next_;
  }
  if (!value.empty() && text != value.data()) std::memcpy(text, value.data(), value.size());
  const line made{begin_ + size(), static_cast<uint32_t>(text - next_)};
  next_ = text + value.size();
  if (json_) note_line(text);
  *next_++ = '\n';
  return made;
}

void kafka_value_lines::note_line(char* text) {
  const scanned_text seen = scan_text(text, static_cast<size_t>(next_ - text), '\\');
  found_.push_back({static_cast<uint32_t>(next_ - first_), seen.has_mark});
  if (!seen.has_end) return;
  for (char* from = text; (from = static_cast<char*>(std::memchr(from, '\n', static_cast<size_t>(next_ - from))));) {
    breaks_.push_back(from);
    *from++ = '\r';
  }
}

void kafka_value_lines::copy_window(size_t least) {
  window_.size = std::max(limits::source_window_bytes, least);
  window_.bytes = pool_.take(window_.size + kafka_block::padding);
  window_.pad();
  first_ = next_ = window_.bytes.get();
}

record_span kafka_value_lines::span(size_t decoded) const {
  record_span made{first_ + decoded, size() - decoded, window_.bytes, window_.end(), begin_ + decoded, true};
  const auto first = std::lower_bound(found_.begin(), found_.end(), decoded, [](const known_line& each, size_t at) { return each.end < at; });
  made.lines = {first, found_.end()};
  made.lines_from = first_;
  return made;
}

void kafka_value_lines::end() {
  begin_ += size();
  first_ = next_ = nullptr;
  found_.clear();
  if (!breaks_.empty()) broken_.emplace_back(window_, std::exchange(breaks_, {}));
  window_ = {};
}

void kafka_value_lines::restore() {
  for (const auto& [window, breaks] : broken_)
    for (char* const at : breaks) *at = '\n';
  broken_.clear();
  begin_ = 0;
}

}  // namespace systole
