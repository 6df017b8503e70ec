#pragma once

#include <string>

namespace systole {

/// True for a condition that no row can make fail: comparisons of columns and constants.
bool cannot_fail(const std::string& sql);

}  // namespace systole
