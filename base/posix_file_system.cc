#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file_system.h"

namespace systole {
namespace {

error_code code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return error_code::disk_full;
    case ENOENT: return error_code::not_found;
    case EEXIST: return error_code::already_exists;
    default: return error_code::io;
  }
}

failure os_failure(int error, std::string_view what, const std::string& path) {
  std::string message = "cannot ";
  message.append(what).append(" '").append(path).append("': ").append(std::generic_category().message(error));
  return fail(code_of(error), std::move(message));
}

/// Owns a file descriptor.
class descriptor {
 public:
  explicit descriptor(int fd = -1) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&&) = delete;
  ~descriptor() {
    // Errors of close matter only to writers, who call close_now(): data that must survive was synced before.
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int close_now() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

int open_retrying(const char* path, int flags, mode_t mode = 0666) {
  int fd;
  do fd = ::open(path, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

int fsync_retrying(int fd, bool data_only) {
  int status;
  do status = data_only ? ::fdatasync(fd) : ::fsync(fd);
  while (status != 0 && errno == EINTR);
  return status;
}

int truncate_retrying(int fd, uint64_t size) {
  int status;
  do status = ::ftruncate(fd, static_cast<off_t>(size));
  while (status != 0 && errno == EINTR);
  return status;
}

class posix_writable_file final : public writable_file {
 public:
  posix_writable_file(descriptor file, std::string path, uint64_t size)
      : file_(std::move(file)), path_(std::move(path)), size_(size) {}

  result<void> append(std::string_view bytes) override {
    SYSTOLE_TRY(check_usable());
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n =
          ::pwrite(file_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(size_ + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        const int error = n < 0 ? errno : ENOSPC;
        // What was written of this append is cut off again, so that a full disk loses nothing and the append can be
        // repeated. If the cut fails too, the next append still writes over it.
        if (done > 0) (void)truncate_retrying(file_.get(), size_);
        return os_failure(error, "write to", path_);
      }
      done += static_cast<size_t>(n);
    }
    size_ += bytes.size();
    return {};
  }

  result<void> sync() override {
    SYSTOLE_TRY(check_usable());
    if (fsync_retrying(file_.get(), true) == 0) return {};
    // After a failed fsync Linux forgets which pages were dirty: a later success would be a lie, so the file stays
    // failed.
    const int error = errno;
    sync_error_.store(error);
    return os_failure(error, "sync", path_);
  }

  result<void> truncate(uint64_t size) override {
    SYSTOLE_TRY(check_usable());
    if (size > size_)
      return fail(error_code::invalid_argument, "cannot truncate '" + path_ + "' to more than its size");
    if (truncate_retrying(file_.get(), size) != 0) return os_failure(errno, "truncate", path_);
    size_ = size;
    return {};
  }

  uint64_t size() const override { return size_; }

  void forget_cached() override {
    if (file_.is_open()) (void)::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);  // only a hint
  }

  result<void> close() override {
    if (!file_.is_open()) return {};
    if (file_.close_now() != 0 && errno != EINTR) return os_failure(errno, "close", path_);
    return {};
  }

 private:
  result<void> check_usable() const {
    if (const int error = sync_error_.load(); error != 0) return os_failure(error, "sync", path_);
    if (!file_.is_open()) return fail(error_code::internal, "'" + path_ + "' is closed");
    return {};
  }

  descriptor file_;
  std::string path_;
  uint64_t size_;
  std::atomic<int> sync_error_{0};  ///< errno of the sync that failed; 0: none has
};

class posix_readable_file final : public readable_file {
 public:
  posix_readable_file(descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  result<size_t> read(uint64_t offset, size_t length, char* into) const override {
    size_t done = 0;
    while (done < length) {
      const ssize_t n = ::pread(file_.get(), into + done, length - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_failure(errno, "read", path_);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  result<uint64_t> size() const override {
    struct stat facts;
    if (::fstat(file_.get(), &facts) != 0) return os_failure(errno, "examine", path_);
    return static_cast<uint64_t>(facts.st_size);
  }

 private:
  descriptor file_;
  std::string path_;
};

/// flock(2) belongs to the open file, so that a second lock in the same process is refused too, and dies with the
/// process.
class posix_file_lock final : public file_lock {
 public:
  explicit posix_file_lock(descriptor file) : file_(std::move(file)) {}

 private:
  descriptor file_;
};

/// The pid that a lock's holder wrote, or nothing.
std::string pid_in(int fd) {
  char text[32];
  const ssize_t n = ::pread(fd, text, sizeof text, 0);
  long pid = 0;
  if (n <= 0 || std::from_chars(text, text + n, pid).ec != std::errc() || pid <= 0) return {};
  return std::to_string(pid);
}

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

class operating_system_files final : public file_system {
 public:
  result<std::unique_ptr<writable_file>> create(const std::string& path) override {
    return open_writable(path, O_WRONLY | O_CREAT | O_TRUNC, "create");
  }
  result<std::unique_ptr<writable_file>> overwrite(const std::string& path) override {
    descriptor file(open_retrying(path.c_str(), O_WRONLY));
    if (!file.is_open()) return os_failure(errno, "open", path);
    return std::unique_ptr<writable_file>(std::make_unique<posix_writable_file>(std::move(file), path, 0));
  }
  result<std::unique_ptr<writable_file>> open_append(const std::string& path) override {
    return open_writable(path, O_WRONLY, "open");
  }

  result<std::unique_ptr<readable_file>> open(const std::string& path) override {
    descriptor file(open_retrying(path.c_str(), O_RDONLY));
    if (!file.is_open()) return os_failure(errno, "open", path);
    return std::unique_ptr<readable_file>(std::make_unique<posix_readable_file>(std::move(file), path));
  }

  result<std::string> read_all(const std::string& path, uint64_t limit_bytes) override {
    SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> file, open(path));
    SYSTOLE_ASSIGN(const uint64_t size, file->size());
    if (size > limit_bytes) {
      return fail(error_code::limit_exceeded, "'" + path + "' has " + std::to_string(size) +
                                                  " bytes, more than the limit of " + std::to_string(limit_bytes));
    }
    std::string bytes(size, '\0');
    SYSTOLE_ASSIGN(const size_t read, file->read(0, bytes.size(), bytes.data()));
    bytes.resize(read);
    return bytes;
  }

  result<bool> exists(const std::string& path) override {
    struct stat facts;
    if (::stat(path.c_str(), &facts) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return os_failure(errno, "examine", path);
  }

  result<std::vector<std::string>> list(const std::string& directory) override {
    DIR* const stream = ::opendir(directory.c_str());
    if (!stream) return os_failure(errno, "list", directory);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int error = errno;
    ::closedir(stream);
    if (error != 0) return os_failure(error, "list", directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  result<void> create_directories(const std::string& path) override {
    SYSTOLE_ASSIGN(const bool there, is_directory(path));
    if (there) return {};
    const std::string parent = parent_of(path);
    if (parent != path) SYSTOLE_TRY(create_directories(parent));
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) return os_failure(errno, "create directory", path);
    SYSTOLE_ASSIGN(const bool made, is_directory(path));
    if (!made) return os_failure(ENOTDIR, "create directory", path);
    return sync_directory(parent);
  }

  result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return os_failure(errno, "rename '" + from + "' to", to);
    return {};
  }

  result<void> rename_no_replace(const std::string& from, const std::string& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno != EINVAL && errno != ENOSYS) return os_failure(errno, "rename '" + from + "' to", to);
    // File systems without the flag (some network ones): link(2) also fails where `to` is there. A crash in between
    // leaves both names of the one file.
    SYSTOLE_TRY(link(from, to));
    return remove(from);
  }

  result<void> link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) return os_failure(errno, "link '" + from + "' as", to);
    return {};
  }

  result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return os_failure(errno, "remove", path);
    return {};
  }

  result<void> remove_all(const std::string& directory) override {
    std::error_code error;
    std::filesystem::remove_all(directory, error);
    if (error) return os_failure(error.value(), "remove", directory);
    return {};
  }

  result<void> sync_directory(const std::string& path) override {
    const descriptor directory(open_retrying(path.c_str(), O_RDONLY | O_DIRECTORY));
    if (!directory.is_open()) return os_failure(errno, "open directory", path);
    if (fsync_retrying(directory.get(), false) != 0) return os_failure(errno, "sync directory", path);
    return {};
  }

  result<std::unique_ptr<file_lock>> lock(const std::string& path) override {
    descriptor file(open_retrying(path.c_str(), O_RDWR | O_CREAT));
    if (!file.is_open()) return os_failure(errno, "open", path);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return os_failure(errno, "lock", path);
      const std::string pid = pid_in(file.get());
      return fail(error_code::fenced,
                  "'" + path + "' is held by " + (pid.empty() ? "another process" : "process " + pid));
    }
    // The pid is for people only: what counts is the lock, so an unwritable pid (full disk) is no failure.
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (truncate_retrying(file.get(), 0) == 0) (void)!::pwrite(file.get(), pid.data(), pid.size(), 0);
    return std::unique_ptr<file_lock>(std::make_unique<posix_file_lock>(std::move(file)));
  }

 private:
  static result<bool> is_directory(const std::string& path) {
    struct stat facts;
    if (::stat(path.c_str(), &facts) == 0) return S_ISDIR(facts.st_mode);
    if (errno == ENOENT) return false;
    return os_failure(errno, "examine", path);
  }

  static result<std::unique_ptr<writable_file>> open_writable(const std::string& path, int flags,
                                                              std::string_view what) {
    descriptor file(open_retrying(path.c_str(), flags));
    if (!file.is_open()) return os_failure(errno, what, path);
    struct stat facts;
    if (::fstat(file.get(), &facts) != 0) return os_failure(errno, "examine", path);
    return std::unique_ptr<writable_file>(
        std::make_unique<posix_writable_file>(std::move(file), path, static_cast<uint64_t>(facts.st_size)));
  }
};

}  // namespace

file_system& posix_file_system() {
  static operating_system_files instance;
  return instance;
}

}  // namespace systole
