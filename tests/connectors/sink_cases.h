#pragma once

#include <functional>
#include <string>
#include <vector>

#include "connectors/factory.h"

namespace systole::testing {

/// A sink with a stream for it, and how its result is read.
struct sink_case {
  std::string name;
  bool changelog = false;
  std::function<void(proto::Sink&, const std::string& folder)> settings;
  std::function<std::string(const std::string& folder)> result;
  bool doubles_without_check = true;  ///< false where an epoch may be applied twice without harm
  bool uses_files_only = true;        ///< false for SQLite, which writes past the file layer
};
/// Every sink that needs no server.
std::vector<sink_case> sink_cases();

}  // namespace systole::testing
