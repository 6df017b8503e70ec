#include "connectors/outbox/durable_directory.h"

#include <filesystem>
#include <vector>

namespace systole {

result<void> create_directories_durably(file_system& files, const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<std::string> parents_of_new;
  for (fs::path at = fs::path(path).lexically_normal(); !at.empty() && at != at.root_path(); at = at.parent_path()) {
    SYSTOLE_ASSIGN(const bool there, files.exists(at.string()));
    if (there && !at.filename().empty()) break;
    if (at.filename().empty()) continue;  // a slash at the end
    parents_of_new.push_back(at.parent_path().empty() ? "." : at.parent_path().string());
  }
  SYSTOLE_TRY(files.create_directories(path));
  for (const std::string& parent : parents_of_new) SYSTOLE_TRY(files.sync_directory(parent));
  return {};
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace systole
