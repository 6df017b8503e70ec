#include "state/store/s3_place.h"

#include <fmt/format.h>

#include "s3/transfer.h"
#include "state/store/file_checksum.h"
#include "state/store/placed_store.h"
#include "state/store/s3_store.h"

namespace systole {

s3_place::s3_place(s3_client_options options, file_system& files, std::string cache, uint64_t cache_bytes,
                   size_t cache_in_use)
    : files_(files),
      client_(std::move(options)),
      cache_directory_(std::move(cache)),
      cache_(files, cache_directory_, cache_bytes, cache_in_use) {}

s3_place::~s3_place() {
  if (!keeps_cache_) (void)files_.remove_all(cache_directory_);  // what is left of it takes room, no more
}

result<void> s3_place::open() {
  SYSTOLE_TRY(cache_.open());
  auto there = client_.list("log/");
  // A bucket that is not there, or keys that do not fit, will not come right by trying again.
  if (!there && there.error().code == error_code::not_found)
    return fail(error_code::invalid_argument, there.error().message);
  return there ? result<void>() : std::move(there).error();
}

result<std::vector<std::string>> s3_place::list(const std::string& folder) {
  SYSTOLE_ASSIGN(std::vector<std::string> keys, client_.list(folder + "/"));
  for (std::string& key : keys) key.erase(0, folder.size() + 1);
  return keys;
}

result<bool> s3_place::exists(const std::string& name) {
  SYSTOLE_ASSIGN(const std::optional<uint64_t> there, client_.head(name));
  return there.has_value();
}

result<std::string> s3_place::read(const std::string& name, uint64_t limit_bytes) {
  SYSTOLE_ASSIGN(s3_client::piece first, client_.get(name, 0, limits::s3_part_bytes));
  if (first.object_bytes > limit_bytes)
    return fail(error_code::limit_exceeded,
                describe(name) + " has more than " + std::to_string(limit_bytes) + " bytes");
  std::string bytes = std::move(first.bytes);
  while (bytes.size() < first.object_bytes) {
    SYSTOLE_ASSIGN(const s3_client::piece next, client_.get(name, bytes.size(), limits::s3_part_bytes));
    bytes += next.bytes;
  }
  return bytes;
}

result<void> s3_place::write(const std::string& name, std::string_view bytes) {
  if (bytes.size() > limits::s3_part_bytes) {
    return put_object(client_, name, bytes.size(), [&](uint64_t offset, std::string& into) -> result<void> {
      bytes.copy(into.data(), into.size(), offset);
      return {};
    });
  }
  auto created = client_.put_if_absent(name, bytes);
  if (created || created.error().code != error_code::already_exists) return created;
  SYSTOLE_ASSIGN(const std::string there, read(name, limits::s3_part_bytes));
  if (there == bytes) return {};  // from an earlier try, or from another who wrote the same
  return fail(error_code::corrupt, describe(name) + " is there with another content");
}

result<void> s3_place::create(const std::string& name, const std::string&, std::string_view bytes) {
  return client_.put_if_absent(name, bytes);
}

result<void> s3_place::remove(const std::string& name) {
  if (name.starts_with("files/")) cache_.forget(name.substr(6));
  return client_.remove(name);
}

result<void> s3_place::add_file(const std::string& name, const std::string& local_path,
                                const proto::FileReference& file) {
  (void)cache_.link(local_path, file.name(), file.bytes());  // without a link it is fetched when it is wanted
  SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> local, files_.open(local_path));
  return put_object(client_, name, file.bytes(), [&](uint64_t offset, std::string& into) -> result<void> {
    SYSTOLE_ASSIGN(const size_t got, local->read(offset, into.size(), into.data()));
    if (got == into.size()) return {};
    return fail(error_code::corrupt,
                "state file " + local_path + " is shorter than its " + std::to_string(file.bytes()) + " bytes");
  });
}

/// A local copy with the right bytes, if there is one.
result<std::optional<std::string>> s3_place::sound_copy(const proto::FileReference& file) {
  const auto copy = cache_.find(file.name());
  if (!copy) return std::optional<std::string>();
  if (copy->known_sound) return std::optional<std::string>(copy->path);
  const auto found = checksum_of(files_, copy->path, file.bytes());
  if (found && *found == file.xxh3()) {
    cache_.mark_sound(file.name());
    return std::optional<std::string>(copy->path);
  }
  if (!found && found.error().code != error_code::corrupt && found.error().code != error_code::not_found)
    return found.error();
  cache_.forget(file.name());
  return std::optional<std::string>();
}

result<std::string> s3_place::path_of(const std::string& name, const proto::FileReference& file) {
  SYSTOLE_ASSIGN(std::optional<std::string> copy, sound_copy(file));
  if (copy) return std::move(*copy);
  return fetch(name, file);
}

result<std::string> s3_place::fetch(const std::string& name, const proto::FileReference& file) {
  const std::string path = cache_.path_for_new();
  SYSTOLE_ASSIGN(const std::unique_ptr<writable_file> copy, files_.create(path));
  running_checksum hash;
  auto got = get_object(client_, name, file.bytes(), [&](std::string_view piece) {
    hash.add(piece);
    return copy->append(piece);
  });
  if (got) got = copy->close();
  if (got && hash.value() != file.xxh3())
    got = fail(error_code::corrupt, "checkpoint file " + describe(name) + " has a wrong checksum");
  if (got) return cache_.take(path, file.name(), file.bytes());
  SYSTOLE_TRY(files_.remove(path));
  if (got.error().code != error_code::corrupt) return std::move(got).error();
  return fail(error_code::corrupt, got.error().message + ": restore an older epoch with --rewind");
}

result<void> s3_place::verify(const std::string& name, const proto::FileReference& file) {
  SYSTOLE_ASSIGN(const std::optional<uint64_t> there, client_.head(name));
  if (!there) return fail(error_code::not_found, "checkpoint file " + describe(name) + " is not there");
  if (*there != file.bytes())
    return fail(error_code::corrupt, "checkpoint file " + describe(name) + " has " + std::to_string(*there) +
                                         " bytes instead of " + std::to_string(file.bytes()) +
                                         ": restore an older epoch with --rewind");
  // A copy that was put from here was signed with its content's hash, which the service has checked; one that was
  // fetched has been compared.
  SYSTOLE_ASSIGN(const std::string path, path_of(name, file));
  SYSTOLE_ASSIGN(const uint64_t found, checksum_of(files_, path, file.bytes()));
  if (found == file.xxh3()) return {};
  cache_.forget(file.name());  // the copy was damaged: the object itself decides
  auto fetched = fetch(name, file);
  return fetched ? result<void>() : std::move(fetched).error();
}

result<std::unique_ptr<checkpoint_store>> open_s3_store(s3_client_options options, file_system& files,
                                                        const std::string& cache, const std::string& job,
                                                        bool keeps_cache) {
  auto place = std::make_unique<s3_place>(std::move(options), files, cache);
  if (keeps_cache) place->keep_cache();
  SYSTOLE_TRY(place->open());
  return placed_store::open(std::move(place), job);
}

}  // namespace systole
