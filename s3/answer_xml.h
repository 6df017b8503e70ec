#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace systole {

/// The elements of an S3 answer that hold text and no elements, in their order: name without its prefix, and text.
/// `unavailable` where it is not whole, so that it is asked for again. No declarations of entities are read: there are
/// none in these answers.
result<std::vector<std::pair<std::string, std::string>>> read_answer_xml(std::string_view text);

/// The text of the first element of a name; empty where there is none.
std::string first_element(const std::vector<std::pair<std::string, std::string>>& elements, std::string_view name);

}  // namespace systole
