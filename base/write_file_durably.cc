#include <filesystem>

#include "base/file_system.h"

namespace systole {
namespace {

result<void> write_and_sync(file_system& files, const std::string& path, std::string_view bytes) {
  SYSTOLE_ASSIGN(const std::unique_ptr<writable_file> file, files.create(path));
  SYSTOLE_TRY(file->append(bytes));
  SYSTOLE_TRY(file->sync());
  return file->close();
}

}  // namespace

result<void> write_file_durably(file_system& files, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  result<void> written = write_and_sync(files, temporary, bytes);
  if (written) written = files.rename(temporary, path);
  if (!written) {
    // Best effort: a leftover is overwritten by the next attempt, and the first failure is the one to tell.
    (void)files.remove(temporary).has_value();
    return written;
  }
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  return files.sync_directory(directory);
}

}  // namespace systole
