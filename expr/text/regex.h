#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "expr/evaluation.h"

namespace re2 {
class RE2;
}

namespace systole {

/// PostgreSQL's regular expressions (advanced flavour) through RE2 with its leftmost-longest rule. What RE2 cannot do
/// in linear time is refused: non-greedy quantifiers, lookaround, back references.
class regex {
 public:
  ~regex();
  /// Where and how far a match reaches; `from` and `to` are bytes.
  struct range {
    size_t from = 0, to = 0;
    bool found = false;
  };
  bool matches(std::string_view text) const;
  /// The first match at or after `start`; group 0 is the whole. False where there is none.
  bool find(std::string_view text, size_t start, range* groups, int group_count) const;
  int groups() const;

  bool global() const { return global_; }

 private:
  friend struct regex_compiled;
  friend struct regex_compiled compile_regex(std::string_view pattern, std::string_view flags, bool allow_global);
  regex() = default;
  std::unique_ptr<re2::RE2> compiled_;
  bool global_ = false;
};

/// A regex, or why there is none.
struct regex_compiled {
  std::shared_ptr<const regex> made;
  const row_failure* problem = nullptr;
  std::string hint;
};
/// Flags: i, c (case), n, m (newline-sensitive), s, p, w, g where allowed.
regex_compiled compile_regex(std::string_view pattern, std::string_view flags, bool allow_global);

}  // namespace systole
