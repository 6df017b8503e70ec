#pragma once

#include <string>

namespace systole {

/// control/openapi.json, OpenAPI 3.1.
const std::string& openapi_document();

}  // namespace systole
