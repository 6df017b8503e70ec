#include "state/store/directory_place.h"

#include <fmt/format.h>

#include "state/store/file_checksum.h"

namespace systole {
namespace {

/// The folder of a name; the place itself where it has none.
std::string folder_of(const std::string& name) {
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

}  // namespace

std::string directory_place::path(const std::string& name) const {
  return name.empty() ? directory_ : directory_ + "/" + name;
}

result<void> directory_place::open(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) SYSTOLE_TRY(files_.create_directories(path(folder)));
  return files_.sync_directory(directory_);
}

result<std::vector<std::string>> directory_place::list(const std::string& folder) { return files_.list(path(folder)); }
result<bool> directory_place::exists(const std::string& name) { return files_.exists(path(name)); }
result<void> directory_place::remove(const std::string& name) { return files_.remove(path(name)); }
result<void> directory_place::settle(const std::string& folder) { return files_.sync_directory(path(folder)); }

result<std::string> directory_place::read(const std::string& name, uint64_t limit_bytes) {
  return files_.read_all(path(name), limit_bytes);
}

result<void> directory_place::write(const std::string& name, std::string_view bytes) {
  return write_file_durably(files_, path(name), bytes);
}

result<void> directory_place::create(const std::string& name, const std::string& nonce, std::string_view bytes) {
  const std::string folder = folder_of(name);
  // The nonce keeps two processes' temporary files apart.
  const std::string temporary =
      fmt::format("{}/.{}-{}.new", path(folder), folder.empty() ? name : name.substr(folder.size() + 1), nonce);
  SYSTOLE_ASSIGN(const std::unique_ptr<writable_file> file, files_.create(temporary));
  SYSTOLE_TRY(file->append(bytes));
  SYSTOLE_TRY(file->sync());
  SYSTOLE_TRY(file->close());
  const result<void> linked = files_.link(temporary, path(name));
  SYSTOLE_TRY(files_.remove(temporary));
  return linked;
}

result<void> directory_place::add_file(const std::string& name, const std::string& local_path,
                                       const proto::FileReference& file) {
  {
    // The name must not become durable before the content; cheap where the caller has synced already.
    SYSTOLE_ASSIGN(const std::unique_ptr<writable_file> content, files_.open_append(local_path));
    SYSTOLE_TRY(content->sync());
    SYSTOLE_TRY(content->close());
  }
  const std::string stored = path(name);
  if (const auto linked = files_.link(local_path, stored);
      !linked && linked.error().code != error_code::already_exists) {
    // Another file system, or one without hard links.
    SYSTOLE_TRY(copy_into(local_path, stored, file.bytes()));
  }
  return settle(folder_of(name));
}

result<void> directory_place::copy_into(const std::string& from, const std::string& to, uint64_t bytes) {
  const std::string temporary = to + ".new";
  SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> source, files_.open(from));
  SYSTOLE_ASSIGN(const std::unique_ptr<writable_file> copy, files_.create(temporary));
  SYSTOLE_TRY(read_pieces(*source, bytes, from, [&](std::string_view piece) { return copy->append(piece); }));
  SYSTOLE_TRY(copy->sync());
  SYSTOLE_TRY(copy->close());
  return files_.rename(temporary, to);
}

result<std::string> directory_place::path_of(const std::string& name, const proto::FileReference& file) {
  std::string stored_at = path(name);
  SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> stored, files_.open(stored_at));
  SYSTOLE_ASSIGN(const uint64_t size, stored->size());
  if (size < file.bytes()) {
    return fail(error_code::corrupt,
                fmt::format("checkpoint file {} has {} bytes instead of {}: restore an older epoch with "
                            "--rewind",
                            stored_at, size, file.bytes()));
  }
  return stored_at;
}

result<void> directory_place::verify(const std::string& name, const proto::FileReference& file) {
  SYSTOLE_ASSIGN(const std::string stored, path_of(name, file));
  SYSTOLE_ASSIGN(const uint64_t found, checksum_of(files_, stored, file.bytes()));
  if (found == file.xxh3()) return {};
  return fail(error_code::corrupt,
              fmt::format("checkpoint file {} has a wrong checksum: restore an older epoch with --rewind", stored));
}

}  // namespace systole
