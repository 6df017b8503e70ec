#include "tests/support/fault_injecting_file_system.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <random>

namespace systole::testing {
namespace {

std::string normal(const std::string& path) { return std::filesystem::path(path).lexically_normal().string(); }

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

bool is_below(const std::string& path, const std::string& directory) {
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

failure stopped() { return fail(error_code::io, "the machine has lost its power (injected)"); }

}  // namespace

/// One open file; it dies with the power.
class faulty_writable_file final : public writable_file {
 public:
  faulty_writable_file(fault_injecting_file_system& files, std::string path, uint64_t id,
                       std::unique_ptr<writable_file> file)
      : files_(files), path_(std::move(path)), id_(id), generation_(files.generation_), file_(std::move(file)) {}

  result<void> append(std::string_view bytes) override {
    const std::lock_guard held(files_.mutex_);
    SYSTOLE_TRY(begin());
    if (files_.space_ && bytes.size() > *files_.space_) {
      return fail(error_code::disk_full, "cannot write to '" + path_ + "': no space (injected)");
    }
    SYSTOLE_TRY(file_->append(bytes));
    if (files_.space_) *files_.space_ -= bytes.size();
    return {};
  }

  result<void> sync() override {
    const std::lock_guard held(files_.mutex_);
    SYSTOLE_TRY(begin());
    if (files_.skips_this_sync(path_)) return {};
    if (const auto known = files_.durable_bytes_.find(id_); known != files_.durable_bytes_.end())
      known->second = file_->size();
    return {};
  }

  result<void> truncate(uint64_t size) override {
    const std::lock_guard held(files_.mutex_);
    SYSTOLE_TRY(begin());
    SYSTOLE_TRY(file_->truncate(size));
    // Cut bytes may be gone at once.
    if (const auto known = files_.durable_bytes_.find(id_); known != files_.durable_bytes_.end())
      known->second = std::min(known->second, size);
    return {};
  }

  uint64_t size() const override { return file_->size(); }

  result<void> close() override {
    const std::lock_guard held(files_.mutex_);
    SYSTOLE_TRY(check_alive());
    return file_->close();
  }

 private:
  result<void> check_alive() const {
    if (generation_ != files_.generation_) return stopped();
    return files_.check_running();
  }
  result<void> begin() {
    SYSTOLE_TRY(check_alive());
    return files_.begin_operation();
  }

  fault_injecting_file_system& files_;
  std::string path_;
  uint64_t id_;
  uint64_t generation_;
  std::unique_ptr<writable_file> file_;
};

class faulty_readable_file final : public readable_file {
 public:
  faulty_readable_file(const fault_injecting_file_system& files, std::string path, std::unique_ptr<readable_file> file)
      : files_(files), path_(std::move(path)), file_(std::move(file)) {}

  result<size_t> read(uint64_t offset, size_t length, char* into) const override {
    SYSTOLE_ASSIGN(const size_t read, file_->read(offset, length, into));
    const std::lock_guard held(files_.mutex_);
    files_.apply_flips(path_, offset, read, into);
    return read;
  }
  result<uint64_t> size() const override { return file_->size(); }

 private:
  const fault_injecting_file_system& files_;
  std::string path_;
  std::unique_ptr<readable_file> file_;
};

fault_injecting_file_system::fault_injecting_file_system(std::string root)
    : real_(posix_file_system()), root_(normal(root)), vault_(root_ + ".inodes") {
  std::filesystem::remove_all(vault_);
  std::filesystem::create_directories(vault_);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root_))
    if (entry.is_regular_file()) (void)adopt(normal(entry.path().string()));
}

fault_injecting_file_system::~fault_injecting_file_system() {
  std::error_code ignored;  // a leftover of a test's temporary folder does no harm
  std::filesystem::remove_all(vault_, ignored);
}

// ---- faults

void fault_injecting_file_system::cut_power(std::optional<uint64_t> seed) {
  const std::lock_guard held(mutex_);
  std::mt19937_64 random(seed.value_or(0));
  const auto survives = [&] { return seed && random() % 2 == 0; };
  ++generation_;
  operations_left_.reset();
  names after = durable_;
  for (const auto& [path, id] : live_) {
    const auto found = durable_.find(path);
    if ((found == durable_.end() || found->second != id) && survives()) after[path] = id;
  }
  for (const auto& [path, id] : durable_)
    if (!live_.contains(path) && survives()) after.erase(path);
  for (const auto& [path, id] : live_) std::filesystem::remove(path);
  for (const auto& [id, durable] : durable_bytes_) {
    const uint64_t size = std::filesystem::file_size(vault_path(id));
    const uint64_t unsynced = size - std::min(size, durable);
    const uint64_t kept = survives() && unsynced ? random() % (unsynced + 1) : 0;
    if (unsynced) std::filesystem::resize_file(vault_path(id), durable + kept);
  }
  for (const auto& [path, id] : after) {
    std::filesystem::create_directories(parent_of(path));
    std::filesystem::remove(path);  // made anew behind our back
    std::filesystem::create_hard_link(vault_path(id), path);
    durable_bytes_[id] = std::filesystem::file_size(path);
  }
  live_ = durable_ = std::move(after);
}

void fault_injecting_file_system::stop_after_operations(uint64_t count) {
  const std::lock_guard held(mutex_);
  operations_left_ = count;
}

uint64_t fault_injecting_file_system::operations() const {
  const std::lock_guard held(mutex_);
  return operations_;
}

void fault_injecting_file_system::skip_sync(uint64_t index) {
  const std::lock_guard held(mutex_);
  skipped_.insert(index);
}

void fault_injecting_file_system::skip_syncs_of(std::string part) {
  const std::lock_guard held(mutex_);
  skipped_parts_.push_back(std::move(part));
}

void fault_injecting_file_system::skip_syncs_at(std::string tail) {
  const std::lock_guard held(mutex_);
  skipped_tails_.push_back(std::move(tail));
}

uint64_t fault_injecting_file_system::syncs() const {
  const std::lock_guard held(mutex_);
  return syncs_;
}

void fault_injecting_file_system::set_space(std::optional<uint64_t> bytes) {
  const std::lock_guard held(mutex_);
  space_ = bytes;
}

void fault_injecting_file_system::flip_bit_on_read(const std::string& path, uint64_t byte_offset, unsigned bit) {
  const std::lock_guard held(mutex_);
  flips_[normal(path)].push_back({byte_offset, bit});
}

result<void> fault_injecting_file_system::flip_bit(const std::string& path, uint64_t byte_offset, unsigned bit) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return fail(error_code::not_found, "no file '" + path + "'");
  char byte = 0;
  const auto offset = static_cast<off_t>(byte_offset);
  bool good = ::pread(fd, &byte, 1, offset) == 1;
  byte = static_cast<char>(byte ^ (1 << (bit % 8)));
  good = good && ::pwrite(fd, &byte, 1, offset) == 1;
  ::close(fd);
  if (!good) return fail(error_code::io, "cannot turn a bit of '" + path + "' at " + std::to_string(byte_offset));
  return {};
}

// ---- books

result<void> fault_injecting_file_system::check_running() const {
  if (operations_left_ == 0) return stopped();
  return {};
}

result<void> fault_injecting_file_system::begin_operation() {
  SYSTOLE_TRY(check_running());
  if (operations_left_) --*operations_left_;
  ++operations_;
  return {};
}

bool fault_injecting_file_system::skips_this_sync(const std::string& path) {
  ++syncs_;
  if (skipped_.contains(syncs_)) return true;
  for (const std::string& part : skipped_parts_)
    if (path.find(part) != std::string::npos) return true;
  for (const std::string& tail : skipped_tails_)
    if (path.ends_with(tail)) return true;
  return false;
}

std::string fault_injecting_file_system::vault_path(inode id) const { return vault_ + "/" + std::to_string(id); }

fault_injecting_file_system::inode fault_injecting_file_system::enter(const std::string& path, uint64_t durable_bytes) {
  const inode id = next_inode_++;
  std::filesystem::create_hard_link(path, vault_path(id));
  live_[path] = id;
  durable_bytes_[id] = durable_bytes;
  return id;
}

std::optional<fault_injecting_file_system::inode> fault_injecting_file_system::adopt(const std::string& path) {
  if (!is_below(path, root_) || !std::filesystem::is_regular_file(path)) return std::nullopt;
  if (const auto found = live_.find(path); found != live_.end()) {
    if (std::filesystem::equivalent(path, vault_path(found->second))) return found->second;
  }
  const inode id = enter(path, std::filesystem::file_size(path));
  durable_[path] = id;
  return id;
}

void fault_injecting_file_system::apply_flips(const std::string& path, uint64_t offset, size_t length,
                                              char* bytes) const {
  const auto found = flips_.find(path);
  if (found == flips_.end()) return;
  for (const flip& each : found->second) {
    if (each.offset < offset || each.offset >= offset + length) continue;
    char& byte = bytes[each.offset - offset];
    byte = static_cast<char>(byte ^ (1 << (each.bit % 8)));
  }
}

// ---- files

result<std::unique_ptr<writable_file>> fault_injecting_file_system::wrap(const std::string& path, inode id,
                                                                         std::unique_ptr<writable_file> file) {
  return std::unique_ptr<writable_file>(std::make_unique<faulty_writable_file>(*this, path, id, std::move(file)));
}

result<std::unique_ptr<writable_file>> fault_injecting_file_system::create(const std::string& given) {
  const std::lock_guard held(mutex_);
  const std::string path = normal(given);
  SYSTOLE_TRY(begin_operation());
  const std::optional<inode> there = adopt(path);
  SYSTOLE_ASSIGN(std::unique_ptr<writable_file> file, real_.create(path));
  if (!is_below(path, root_)) return file;
  if (there) durable_bytes_[*there] = 0;  // truncated in place: the old bytes may be gone at once
  return wrap(path, there ? *there : enter(path, 0), std::move(file));
}

result<std::unique_ptr<writable_file>> fault_injecting_file_system::overwrite(const std::string& given) {
  const std::lock_guard held(mutex_);
  const std::string path = normal(given);
  SYSTOLE_TRY(begin_operation());
  const std::optional<inode> there = adopt(path);
  SYSTOLE_ASSIGN(std::unique_ptr<writable_file> file, real_.overwrite(path));
  if (!there) return file;
  durable_bytes_[*there] = 0;  // which of the old bytes a power cut leaves is not known
  return wrap(path, *there, std::move(file));
}

result<std::unique_ptr<writable_file>> fault_injecting_file_system::open_append(const std::string& given) {
  const std::lock_guard held(mutex_);
  const std::string path = normal(given);
  SYSTOLE_TRY(check_running());
  const std::optional<inode> there = adopt(path);
  SYSTOLE_ASSIGN(std::unique_ptr<writable_file> file, real_.open_append(path));
  if (!there) return file;
  return wrap(path, *there, std::move(file));
}

result<std::unique_ptr<readable_file>> fault_injecting_file_system::open(const std::string& given) {
  const std::lock_guard held(mutex_);
  SYSTOLE_TRY(check_running());
  SYSTOLE_ASSIGN(std::unique_ptr<readable_file> file, real_.open(given));
  return std::unique_ptr<readable_file>(std::make_unique<faulty_readable_file>(*this, normal(given), std::move(file)));
}

result<std::string> fault_injecting_file_system::read_all(const std::string& path, uint64_t limit_bytes) {
  const std::lock_guard held(mutex_);
  SYSTOLE_TRY(check_running());
  SYSTOLE_ASSIGN(std::string bytes, real_.read_all(path, limit_bytes));
  apply_flips(normal(path), 0, bytes.size(), bytes.data());
  return bytes;
}

result<bool> fault_injecting_file_system::exists(const std::string& path) {
  const std::lock_guard held(mutex_);
  SYSTOLE_TRY(check_running());
  return real_.exists(path);
}

result<std::vector<std::string>> fault_injecting_file_system::list(const std::string& directory) {
  const std::lock_guard held(mutex_);
  SYSTOLE_TRY(check_running());
  return real_.list(directory);
}

result<void> fault_injecting_file_system::create_directories(const std::string& path) {
  const std::lock_guard held(mutex_);
  SYSTOLE_TRY(begin_operation());
  return real_.create_directories(path);
}

result<void> fault_injecting_file_system::move(const std::string& from, const std::string& to, bool replace) {
  SYSTOLE_TRY(begin_operation());
  const std::optional<inode> moved = adopt(from);
  (void)adopt(to);  // so that what it replaces can come back
  SYSTOLE_TRY(replace ? real_.rename(from, to) : real_.rename_no_replace(from, to));
  if (moved) {
    live_.erase(from);
    if (is_below(to, root_)) live_[to] = *moved;
    return {};
  }
  // A directory: the names below it move along.
  names below;
  for (auto each = live_.begin(); each != live_.end();) {
    if (!is_below(each->first, from)) {
      ++each;
      continue;
    }
    below[to + each->first.substr(from.size())] = each->second;
    each = live_.erase(each);
  }
  live_.merge(below);
  return {};
}

result<void> fault_injecting_file_system::rename(const std::string& from, const std::string& to) {
  const std::lock_guard held(mutex_);
  return move(normal(from), normal(to), true);
}

result<void> fault_injecting_file_system::rename_no_replace(const std::string& from, const std::string& to) {
  const std::lock_guard held(mutex_);
  return move(normal(from), normal(to), false);
}

result<void> fault_injecting_file_system::link(const std::string& from, const std::string& to) {
  const std::lock_guard held(mutex_);
  SYSTOLE_TRY(begin_operation());
  const std::optional<inode> linked = adopt(normal(from));
  SYSTOLE_TRY(real_.link(from, to));
  if (linked && is_below(normal(to), root_)) live_[normal(to)] = *linked;
  return {};
}

result<void> fault_injecting_file_system::remove(const std::string& given) {
  const std::lock_guard held(mutex_);
  const std::string path = normal(given);
  SYSTOLE_TRY(begin_operation());
  (void)adopt(path);
  SYSTOLE_TRY(real_.remove(path));
  live_.erase(path);
  return {};
}

result<void> fault_injecting_file_system::remove_all(const std::string& given) {
  const std::lock_guard held(mutex_);
  const std::string directory = normal(given);
  SYSTOLE_TRY(begin_operation());
  SYSTOLE_TRY(real_.remove_all(directory));
  std::erase_if(live_, [&](const auto& each) { return is_below(each.first, directory) || each.first == directory; });
  return {};
}

result<void> fault_injecting_file_system::sync_directory(const std::string& given) {
  const std::lock_guard held(mutex_);
  const std::string directory = normal(given);
  SYSTOLE_TRY(begin_operation());
  if (skips_this_sync(directory)) return {};
  SYSTOLE_ASSIGN(const bool there, real_.exists(directory));
  if (!there) return fail(error_code::not_found, "cannot sync directory '" + directory + "': it does not exist");
  // Names directly in it, and all below those of its directories that were removed.
  std::erase_if(durable_, [&](const auto& each) {
    if (!is_below(each.first, directory)) return false;
    const std::string parent = parent_of(each.first);
    return parent == directory || !std::filesystem::exists(parent);
  });
  for (const auto& [path, id] : live_)
    if (parent_of(path) == directory) durable_[path] = id;
  forget_unnamed();
  return {};
}

void fault_injecting_file_system::forget_unnamed() {
  constexpr size_t most_unnamed = 64;
  if (durable_bytes_.size() < live_.size() + durable_.size() + most_unnamed) return;
  std::set<inode> named;
  for (const names* each : {&live_, &durable_})
    for (const auto& [path, id] : *each) named.insert(id);
  std::erase_if(durable_bytes_, [&](const auto& each) {
    if (named.contains(each.first)) return false;
    std::filesystem::remove(vault_path(each.first));
    return true;
  });
}

result<std::unique_ptr<file_lock>> fault_injecting_file_system::lock(const std::string& path) {
  const std::lock_guard held(mutex_);
  SYSTOLE_TRY(check_running());
  return real_.lock(path);
}

}  // namespace systole::testing
