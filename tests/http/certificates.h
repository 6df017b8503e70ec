#pragma once

#include <string>

namespace systole::testing {

/// Writes NAME-ca.pem, and NAME.pem and NAME.key that it has signed, valid for localhost and 127.0.0.1, for a day.
void make_certificates(const std::string& directory, const std::string& name);

}  // namespace systole::testing
