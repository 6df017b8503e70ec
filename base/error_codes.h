#pragma once

#include <string_view>

#include "base/result.h"

namespace systole {

/// As the API, metrics and checkpoint logs call a code: a name never changes its meaning, a code's number may.
const char* error_code_name(error_code code);
/// The other way; `internal` for a name that this version does not know.
error_code error_code_named(std::string_view name);

}  // namespace systole
