#include <algorithm>

#include "plan/yaml_node.h"

namespace systole {
namespace {

bool is_space_or_tab(char c) { return c == ' ' || c == '\t'; }

/// Walks a scalar's source text and its value side by side.
class aligner {
 public:
  aligner(std::string_view source, std::string_view value) : source_(source), value_(value) {}

  size_t block(size_t start, size_t offset) {
    at_ = start;
    while (at_ < source_.size() && source_[at_] != '\n') ++at_;
    if (at_ < source_.size()) ++at_;
    indent_ = block_indent();
    skip_indent();
    for (size_t i = 0; i < offset && at_ < source_.size(); ++i) {
      if (at_newline() && (value_[i] == '\n' || value_[i] == ' ')) {
        const bool last = i + 1 >= value_.size() || value_[i + 1] != '\n';
        do {
          skip_newline();
          skip_indent();
        } while (last && at_newline());
      } else {
        ++at_;
      }
    }
    return at_;
  }

  size_t plain(size_t start, size_t offset, char quote) {
    at_ = start + (quote != 0);
    for (size_t i = 0; i < offset && at_ < source_.size();) {
      if (quote == '"' && source_[at_] == '\\') {
        i += escape();
      } else if (quote == '\'' && source_.substr(at_, 2) == "''") {
        at_ += 2;
        ++i;
      } else if ((value_[i] == ' ' || value_[i] == '\n') && folds_here()) {
        // A run of breaks is one blank, or one line feed less than it has.
        const bool last = i + 1 >= value_.size() || value_[i + 1] != '\n';
        skip_fold(last);
        ++i;
      } else {
        ++at_;
        ++i;
      }
    }
    return at_;
  }

 private:
  bool at_newline() const {
    return at_ < source_.size() && (source_[at_] == '\n' || (source_[at_] == '\r' && source_.substr(at_, 2) == "\r\n"));
  }
  void skip_newline() {
    if (source_[at_] == '\r') ++at_;
    if (at_ < source_.size()) ++at_;
  }
  void skip_indent() {
    for (size_t n = 0; n < indent_ && at_ < source_.size() && source_[at_] == ' '; ++n) ++at_;
  }
  /// Blanks before the first line with text, less those that the value itself starts with.
  size_t block_indent() const {
    size_t line = at_, blanks = 0;
    for (size_t i = at_; i < source_.size(); ++i) {
      if (source_[i] == '\n') {
        line = i + 1;
      } else if (!is_space_or_tab(source_[i]) && source_[i] != '\r') {
        blanks = i - line;
        break;
      }
    }
    size_t own = 0, value_line = 0;
    for (size_t i = 0; i < value_.size(); ++i) {
      if (value_[i] == '\n') {
        value_line = i + 1;
      } else if (!is_space_or_tab(value_[i])) {
        own = i - value_line;
        break;
      }
    }
    return blanks - std::min(blanks, own);
  }
  bool folds_here() const {
    size_t i = at_;
    while (i < source_.size() && is_space_or_tab(source_[i])) ++i;
    return i < source_.size() && (source_[i] == '\n' || source_[i] == '\r');
  }
  void skip_fold(bool whole) {
    while (at_ < source_.size() && is_space_or_tab(source_[at_])) ++at_;
    do {
      if (at_newline()) skip_newline();
      else if (at_ < source_.size()) ++at_;
      while (at_ < source_.size() && is_space_or_tab(source_[at_])) ++at_;
    } while (whole && at_newline());
  }
  /// Skips one escape of a double-quoted scalar; gives the bytes that it stands for.
  size_t escape() {
    const char kind = at_ + 1 < source_.size() ? source_[at_ + 1] : 0;
    const size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits == 0) {
      if (kind == '\n' || kind == '\r') {
        ++at_;
        skip_fold(true);
        return 0;
      }
      at_ += 2;
      return kind == 'N' || kind == '_' ? 2 : kind == 'L' || kind == 'P' ? 3 : 1;
    }
    uint32_t point = 0;
    for (size_t i = at_ + 2; i < at_ + 2 + digits && i < source_.size(); ++i) {
      const char c = source_[i];
      point = point * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    at_ += 2 + digits;
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }

  std::string_view source_;
  std::string_view value_;
  size_t at_ = 0;
  size_t indent_ = 0;
};

}  // namespace

source_position position_within(const yaml_node& scalar, size_t offset, std::string_view text) {
  const size_t start = scalar.at.offset;
  if (!scalar.is_scalar() || scalar.substituted || start >= text.size()) return scalar.at;
  offset = std::min(offset, scalar.text.size());
  aligner walk(text, scalar.text);
  size_t found = start;
  switch (text[start]) {
    case '|': case '>': found = walk.block(start, offset); break;
    case '"': case '\'': found = walk.plain(start, offset, text[start]); break;
    default: found = walk.plain(start, offset, 0); break;
  }
  return {scalar.at.file, static_cast<uint32_t>(std::min(found, text.size() - 1))};
}

}  // namespace systole
