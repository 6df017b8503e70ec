#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/json_value.h"

namespace systole {

/// Reads the members of a JSON object that somebody sent: known names, right types, within limits. The first problem is
/// kept and told by end(); what is read after it does not matter.
class object_members {
 public:
  /// `where` is what errors call it: "the body", "files[0]".
  object_members(const json_value& from, std::string where);

  /// A text of at most `most_bytes` without control characters, but for tabs and line ends where `lines`.
  std::string text(std::string_view name, size_t most_bytes, bool required = false, bool lines = false);
  bool flag(std::string_view name);
  uint32_t number(std::string_view name, uint32_t least, uint32_t most, bool required = false);
  const json_value::array& list(std::string_view name, size_t most, bool required = false);
  std::map<std::string, std::string> texts(std::string_view name, size_t most, size_t most_bytes);

  /// Refuses members that nobody asked for; tells the first problem.
  result<void> end();
  void refuse(const std::string& what);

 private:
  const json_value* take(std::string_view name, bool required);

  const json_value& from_;
  const std::string where_;
  std::vector<std::string_view> known_;
  std::optional<failure> problem_;
};

/// A request's body as JSON; an empty body is an empty object.
result<json_value> parse_body(const std::string& body);

}  // namespace systole
