#pragma once

#include <string>
#include <string_view>

namespace systole {

/// A name as SQL, in quotes where PostgreSQL's grammar needs them.
std::string quote_name(std::string_view name);
/// A text as an SQL literal.
std::string quote_literal(std::string_view text);

}  // namespace systole
