#include "base/safeguards.h"

#include <algorithm>
#include <string>
#include <utility>

namespace systole {

result<safeguards> safeguards_without(std::string_view names) {
  constexpr std::pair<std::string_view, bool safeguards::*> known[] = {{"epoch_check", &safeguards::epoch_check},
                                                                       {"marker_read", &safeguards::marker_read},
                                                                       {"fencing", &safeguards::fencing},
                                                                       {"attempt_check", &safeguards::attempt_check},
                                                                       {"alignment", &safeguards::alignment}};
  safeguards made;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    bool found = false;
    for (const auto& [text, member] : known)
      if (text == name) made.*member = false, found = true;
    if (!found) return fail(error_code::invalid_argument, "there is no safeguard '" + std::string(name) + "'");
  }
  return made;
}

}  // namespace systole
