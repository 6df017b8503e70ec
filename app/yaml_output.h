#pragma once

#include <string>

#include "formats/json_value.h"

namespace systole {

/// A value as a YAML document in block style. A text is plain where every reader takes it for a text, else quoted as in
/// JSON, which YAML reads.
std::string yaml_text(const json_value& value);

}  // namespace systole
