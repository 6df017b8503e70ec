#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace systole {

/// A file that is being written, from its start or from its end. One thread at a time.
class writable_file {
 public:
  virtual ~writable_file() = default;
  /// Appends all bytes or none, unbuffered; they are durable only after sync(). `disk_full` for ENOSPC and EDQUOT: the
  /// same append may be tried again once there is space.
  virtual result<void> append(std::string_view bytes) = 0;
  /// fdatasync: the bytes appended so far survive a power cut; the file's name does only after sync_directory. May run on
  /// another thread beside append().
  /// After a failure nothing is known about what is on disk: all later calls fail too, and the file must be written anew.
  virtual result<void> sync() = 0;
  /// Cuts the file to `size` bytes and appends from there.
  virtual result<void> truncate(uint64_t size) = 0;
  virtual uint64_t size() const = 0;
  virtual result<void> close() = 0;
  /// A hint that the synced bytes are not read again soon: the system may take their memory for the next ones, which
  /// costs a writer of much data far less than fresh pages do. May run beside append(), like sync().
  virtual void forget_cached() {}
};

/// A file that is read at any offset. Thread-safe.
class readable_file {
 public:
  virtual ~readable_file() = default;
  /// Reads up to `length` bytes at `offset` into `into`; fewer only at the end of the file.
  virtual result<size_t> read(uint64_t offset, size_t length, char* into) const = 0;
  virtual result<uint64_t> size() const = 0;
};

/// Advisory exclusive lock of a file, held until destruction or the process's death.
class file_lock {
 public:
  virtual ~file_lock() = default;
};

/// All access to files that must survive: the seam where tests inject power cuts, full disks and flipped bits.
/// Paths are the operating system's. Thread-safe.
class file_system {
 public:
  virtual ~file_system() = default;
  /// Creates or truncates.
  virtual result<std::unique_ptr<writable_file>> create(const std::string& path) = 0;
  /// Opens for writing over what is there, from its start; what lies behind the bytes that are written stays, and after a power cut
  /// nothing is known of what was not synced. A third of the cost of a new file: its blocks and its pages in memory are there.
  /// `not_found` where absent.
  virtual result<std::unique_ptr<writable_file>> overwrite(const std::string& path) = 0;
  /// Opens for appending at the end; `not_found` where absent.
  virtual result<std::unique_ptr<writable_file>> open_append(const std::string& path) = 0;
  virtual result<std::unique_ptr<readable_file>> open(const std::string& path) = 0;
  virtual result<std::string> read_all(const std::string& path, uint64_t limit_bytes) = 0;
  virtual result<bool> exists(const std::string& path) = 0;
  /// Names (not paths) in a directory, sorted.
  virtual result<std::vector<std::string>> list(const std::string& directory) = 0;
  /// With parents; an existing directory is success. The names of the directories that it makes are durable.
  virtual result<void> create_directories(const std::string& path) = 0;
  /// Atomic replace (rename(2)).
  virtual result<void> rename(const std::string& from, const std::string& to) = 0;
  /// Atomic create-if-absent: renameat2(RENAME_NOREPLACE); `already_exists` where `to` is there.
  virtual result<void> rename_no_replace(const std::string& from, const std::string& to) = 0;
  /// link(2): atomic create-if-absent that keeps `from`; `already_exists` where `to` is there.
  virtual result<void> link(const std::string& from, const std::string& to) = 0;
  /// Removes a file; an absent one is success.
  virtual result<void> remove(const std::string& path) = 0;
  virtual result<void> remove_all(const std::string& directory) = 0;
  /// fsync of a directory: the names in it survive a power cut.
  virtual result<void> sync_directory(const std::string& path) = 0;
  /// `fenced` where another process holds the lock; the message names its pid where the file tells it.
  virtual result<std::unique_ptr<file_lock>> lock(const std::string& path) = 0;
};

/// The operating system's files.
file_system& posix_file_system();

/// Writes a whole file so that a power cut leaves either what was there before or all of it: temporary file (`path`.tmp),
/// fsync, rename, directory fsync. One writer per path at a time.
result<void> write_file_durably(file_system& files, const std::string& path, std::string_view bytes);

}  // namespace systole
