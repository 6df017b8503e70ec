#pragma once

#include <string>

#include "base/file_system.h"

namespace systole {

/// Creates a directory with its parents so that a power cut does not take a new one's name away.
result<void> create_directories_durably(file_system& files, const std::string& path);

/// The folder that a path is in; "." for a name alone.
std::string folder_of(const std::string& path);

}  // namespace systole
