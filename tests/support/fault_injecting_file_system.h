#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace systole::testing {

/// The operating system's files under one directory, with faults. Thread-safe.
///
/// What survives a power cut: a file's bytes up to its last sync(), and the names in a directory as they were at its
/// last sync_directory(). Names of directories are durable at once (create_directories promises it). Files that were
/// there at the start, or that others made behind this object's back (RocksDB), count as durable once a call mentions
/// them. Files that are open when the power goes fail from then on, as their process has died.
class fault_injecting_file_system final : public file_system {
 public:
  /// `root` must exist; a folder `root`.inodes beside it keeps removed files until the destruction.
  explicit fault_injecting_file_system(std::string root);
  ~fault_injecting_file_system() override;
  fault_injecting_file_system(const fault_injecting_file_system&) = delete;
  fault_injecting_file_system& operator=(const fault_injecting_file_system&) = delete;

  /// Drops all that is not durable. With a seed, a random part of it survives instead: a prefix of a file's unsynced
  /// bytes, some of the changed names.
  void cut_power(std::optional<uint64_t> seed = std::nullopt);
  /// All operations fail after `count` more that change something, as if the machine had stopped there; then
  /// cut_power() drops what is not durable, and gives the power back. For sweeps over every moment.
  void stop_after_operations(uint64_t count);
  /// Operations that changed something or synced, so far: the moments of a sweep.
  uint64_t operations() const;

  /// The `index`th sync from the start (files' and directories' together, from 1) does nothing and reports success.
  void skip_sync(uint64_t index);
  /// Every sync whose path contains `part` does nothing and reports success.
  void skip_syncs_of(std::string part);
  /// As skip_syncs_of, for the paths that end with `tail`: a folder without the files in it.
  void skip_syncs_at(std::string tail);
  uint64_t syncs() const;

  /// Space on the disk from now on: an append that needs more is `disk_full`, without effect. Nothing = no end.
  /// Removing or truncating files gives no space back.
  void set_space(std::optional<uint64_t> bytes);

  /// Reads of the file at `path` see one bit turned, from now on.
  void flip_bit_on_read(const std::string& path, uint64_t byte_offset, unsigned bit);
  /// Turns one bit of the file itself, for those who read it without this object.
  static result<void> flip_bit(const std::string& path, uint64_t byte_offset, unsigned bit);

  result<std::unique_ptr<writable_file>> create(const std::string& path) override;
  result<std::unique_ptr<writable_file>> overwrite(const std::string& path) override;
  result<std::unique_ptr<writable_file>> open_append(const std::string& path) override;
  result<std::unique_ptr<readable_file>> open(const std::string& path) override;
  result<std::string> read_all(const std::string& path, uint64_t limit_bytes) override;
  result<bool> exists(const std::string& path) override;
  result<std::vector<std::string>> list(const std::string& directory) override;
  result<void> create_directories(const std::string& path) override;
  result<void> rename(const std::string& from, const std::string& to) override;
  result<void> rename_no_replace(const std::string& from, const std::string& to) override;
  result<void> link(const std::string& from, const std::string& to) override;
  result<void> remove(const std::string& path) override;
  result<void> remove_all(const std::string& directory) override;
  result<void> sync_directory(const std::string& path) override;
  result<std::unique_ptr<file_lock>> lock(const std::string& path) override;

 private:
  friend class faulty_writable_file;
  friend class faulty_readable_file;
  using inode = uint64_t;
  using names = std::map<std::string, inode>;  ///< path -> file
  struct flip {
    uint64_t offset;
    unsigned bit;
  };

  /// Counts one changing operation, or fails when the machine has stopped. All with mutex_ held.
  result<void> begin_operation();
  result<void> check_running() const;
  bool skips_this_sync(const std::string& path);
  /// The file at a path, taken into the books as durable if it is new to them; nothing where there is none.
  std::optional<inode> adopt(const std::string& path);
  inode enter(const std::string& path, uint64_t durable_bytes);
  std::string vault_path(inode id) const;
  result<std::unique_ptr<writable_file>> wrap(const std::string& path, inode id, std::unique_ptr<writable_file> file);
  result<void> move(const std::string& from, const std::string& to, bool replace);
  /// Frees the files that have no name any more, durable or not.
  void forget_unnamed();
  void apply_flips(const std::string& path, uint64_t offset, size_t length, char* bytes) const;

  mutable std::mutex mutex_;
  file_system& real_;
  std::string root_, vault_;
  inode next_inode_ = 1;
  names live_, durable_;
  std::map<inode, uint64_t> durable_bytes_;
  std::map<std::string, std::vector<flip>> flips_;
  std::set<uint64_t> skipped_;
  std::vector<std::string> skipped_parts_, skipped_tails_;
  std::optional<uint64_t> space_;
  std::optional<uint64_t> operations_left_;
  uint64_t operations_ = 0, syncs_ = 0, generation_ = 0;
};

}  // namespace systole::testing
