// How a rocks_base goes into the checkpoint store and comes back.
#include <rocksdb/db.h>
#include <rocksdb/utilities/checkpoint.h>
#include <xxhash.h>

#include <memory>

#include "base/limits.h"
#include "state/tiered/base_manifest.h"
#include "state/tiered/rocks_base.h"
#include "state/tiered/rocks_status.h"

namespace systole {
namespace {

bool is_table_file(const std::string& name) { return name.ends_with(".sst"); }

struct free_hash { void operator()(XXH3_state_t* state) const { XXH3_freeState(state); } };

/// Calls visit(piece) for a whole file.
template <class Visit>
result<void> read_pieces(file_system& files, const std::string& path, Visit&& visit) {
  SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> file, files.open(path));
  std::string buffer(limits::read_chunk_bytes, '\0');
  for (uint64_t offset = 0;;) {
    SYSTOLE_ASSIGN(const size_t got, file->read(offset, buffer.size(), buffer.data()));
    if (got == 0) return {};
    SYSTOLE_TRY(visit(std::string_view(buffer).substr(0, got)));
    offset += got;
  }
}

result<void> copy_file(file_system& files, const std::string& from, const std::string& to) {
  SYSTOLE_ASSIGN(const std::unique_ptr<writable_file> copy, files.create(to));
  SYSTOLE_TRY(read_pieces(files, from, [&](std::string_view piece) { return copy->append(piece); }));
  return copy->close();
}

}  // namespace

result<proto::FileReference> rocks_base::put(const std::string& path) {
  const std::unique_ptr<XXH3_state_t, free_hash> hash(XXH3_createState());
  XXH3_64bits_reset(hash.get());
  uint64_t bytes = 0;
  SYSTOLE_TRY(read_pieces(*settings_.files, path, [&](std::string_view piece) -> result<void> {
    XXH3_64bits_update(hash.get(), piece.data(), piece.size());
    bytes += piece.size();
    return {};
  }));
  return settings_.store->put_file(path, bytes, XXH3_64bits_digest(hash.get()));
}

result<std::vector<proto::FileReference>> rocks_base::checkpoint() {
  const std::string directory = settings_.directory + "-checkpoint";
  SYSTOLE_TRY(settings_.files->remove_all(directory));
  rocksdb::Checkpoint* made = nullptr;
  const rocksdb::Status created = rocksdb::Checkpoint::Create(db_.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  SYSTOLE_TRY(to_result(created, "a checkpoint", settings_.directory));
  SYSTOLE_TRY(to_result(checkpoint->CreateCheckpoint(directory), "a checkpoint", settings_.directory));
  SYSTOLE_ASSIGN(const std::vector<std::string> names, settings_.files->list(directory));
  std::vector<std::string> listed;
  std::vector<proto::FileReference> references(1);
  std::map<std::string, proto::FileReference> stored;
  for (const std::string& name : names) {
    if (name.ends_with(".log")) continue;  // the write-ahead log, which is off
    const auto known = stored_.find(name);
    proto::FileReference reference;
    if (known != stored_.end()) {
      reference = known->second;
    } else {
      SYSTOLE_ASSIGN(reference, put(directory + "/" + name));
    }
    if (is_table_file(name)) stored.emplace(name, reference);
    listed.push_back(name);
    references.push_back(std::move(reference));
  }
  stored_ = std::move(stored);
  const std::string manifest = directory + "/systole-base";
  SYSTOLE_ASSIGN(const std::unique_ptr<writable_file> file, settings_.files->create(manifest));
  SYSTOLE_TRY(file->append(encode_base_manifest(listed)));
  SYSTOLE_TRY(file->sync());
  SYSTOLE_TRY(file->close());
  SYSTOLE_ASSIGN(references[0], put(manifest));
  SYSTOLE_TRY(settings_.files->remove_all(directory));
  return references;
}

result<bool> rocks_base::is_rocks(file_system& files, checkpoint_store& store,
                                  const std::vector<proto::FileReference>& base) {
  if (base.empty()) return false;
  SYSTOLE_ASSIGN(const std::string path, store.path_of(base[0]));
  SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> file, files.open(path));
  char head[8];
  SYSTOLE_ASSIGN(const size_t got, file->read(0, sizeof head, head));
  return is_base_manifest({head, got});
}

result<std::unique_ptr<rocks_base>> rocks_base::restore(const options& settings,
                                                        const std::vector<proto::FileReference>& base) {
  file_system& files = *settings.files;
  SYSTOLE_ASSIGN(const std::string manifest_path, settings.store->path_of(base[0]));
  SYSTOLE_TRY(settings.store->verify(base[0]));
  SYSTOLE_ASSIGN(const std::string bytes, files.read_all(manifest_path, base_manifest_limit_bytes));
  SYSTOLE_ASSIGN(const std::vector<std::string> names, decode_base_manifest(bytes, manifest_path));
  if (names.size() + 1 != base.size()) {
    return fail(error_code::corrupt, "state file " + manifest_path + " lists " + std::to_string(names.size()) +
                                         " files, the checkpoint " + std::to_string(base.size() - 1) +
                                         ": restore an older epoch with --rewind");
  }
  SYSTOLE_TRY(files.create_directories(settings.directory));
  std::map<std::string, proto::FileReference> stored;
  for (size_t i = 0; i < names.size(); ++i) {
    SYSTOLE_ASSIGN(const std::string from, settings.store->path_of(base[i + 1]));
    const std::string to = settings.directory + "/" + names[i];
    if (is_table_file(names[i])) stored.emplace(names[i], base[i + 1]);
    // Table files never change; RocksDB may write to the others, and those are small and must be right now.
    if (!is_table_file(names[i])) SYSTOLE_TRY(settings.store->verify(base[i + 1]));
    if (is_table_file(names[i]) && files.link(from, to)) continue;
    SYSTOLE_TRY(copy_file(files, from, to));
  }
  SYSTOLE_ASSIGN(std::unique_ptr<rocks_base> made, open(settings));
  made->stored_ = std::move(stored);
  return made;
}

}  // namespace systole
