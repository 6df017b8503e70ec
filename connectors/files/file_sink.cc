#include "connectors/files/file_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/limits.h"
#include "connectors/dead_letter_encoder.h"
#include "connectors/outbox/durable_directory.h"
#include "connectors/outbox/file_origin.h"
#include "connectors/outbox/running_hash.h"
#include "formats/encode_buffer.h"

namespace systole {
namespace {

constexpr std::string_view part_prefix = "part-", manifest_prefix = "_manifest-", aside_prefix = "_aside-";

/// The epoch in "part-00000012-0003.ndjson" or "_manifest-00000012.json"; nothing for other names.
std::optional<uint64_t> epoch_of(std::string_view name) {
  for (std::string_view prefix : {part_prefix, manifest_prefix}) {
    if (!name.starts_with(prefix)) continue;
    uint64_t epoch = 0;
    const char* const from = name.data() + prefix.size();
    const auto [end, error] = std::from_chars(from, name.data() + name.size(), epoch);
    if (error == std::errc() && end != name.data() + name.size() && (*end == '-' || *end == '.')) return epoch;
  }
  return std::nullopt;
}

void append_json_text(std::string& out, std::string_view text) {
  std::string room(6 * text.size() + 32, '\0');
  out.append(room.data(), static_cast<size_t>(write_json_string(room.data(), text) - room.data()));
}

std::string manifest_of(const commit_epoch& epoch, const std::vector<file_part>& parts) {
  std::string out = fmt::format("{{\"epoch\":{},\"checkpoint\":", epoch.epoch.value);
  append_json_text(out, epoch.uuid);
  out += ",\"parts\":[";
  for (size_t i = 0; i < parts.size(); ++i) {
    out += i ? ",{\"name\":" : "{\"name\":";
    append_json_text(out, parts[i].published);
    out += fmt::format(",\"rows\":{},\"bytes\":{},\"xxh3\":\"{:016x}\"}}", parts[i].rows, parts[i].bytes, parts[i].xxh3);
  }
  return out + "]}\n";
}

}  // namespace

result<void> file_sink_committer::take_over(epoch_id last_completed) {
  taken_over_at_ = last_completed;
  SYSTOLE_TRY(fence_.take_over());
  SYSTOLE_TRY(create_directories_durably(*settings_.files, settings_.place.staging));
  return fence_.disarm_older(settings_.place.staging);
}

result<void> file_sink_committer::adopt(epoch_id last_completed) { return take_over(last_completed); }

result<void> file_sink_committer::recover(epoch_id last_completed) {
  file_system& files = *settings_.files;
  SYSTOLE_TRY(take_over(last_completed));
  // Staged files that were begun after the checkpoint hold rows that come again.
  if (settings_.check_epochs) {
    SYSTOLE_TRY(remove_begun_later(files, settings_.place.staging, "", last_completed, settings_.owner.attempt));
  } else {
    SYSTOLE_ASSIGN(const auto staged, files.list(settings_.place.staging));
    for (const std::string& name : staged)
      if (const auto origin = origin_of(name); origin && origin->begun_after >= last_completed.value)
        SYSTOLE_TRY(files.rename(settings_.place.staging + "/" + name,
                                 settings_.place.folder + "/" + std::string(part_prefix) + name + settings_.suffix));
  }
  SYSTOLE_ASSIGN(const auto published, files.list(settings_.place.folder));
  SYSTOLE_TRY(fence_.check());  // so a newer attempt has published none of these
  for (const std::string& name : published) {
    const auto epoch = epoch_of(name);
    if (!epoch || *epoch <= last_completed.value) continue;
    if (last_completed.value == 0)
      return fail(error_code::already_exists, "the folder holds output of another run, which a new one does not append to; "
                                              "choose another folder or empty it: " + settings_.place.folder + "/" + name);
    SYSTOLE_TRY(files.rename(settings_.place.folder + "/" + name,
                             settings_.place.folder + "/" + std::string(aside_prefix) + name));
  }
  raise(settings_.committed, last_completed.value);
  return files.sync_directory(settings_.place.folder);
}

/// True where the file has the part's bytes. Reads it whole: only asked after a crash.
result<bool> file_sink_committer::is_part(const std::string& path, const file_part& part) const {
  SYSTOLE_ASSIGN(const auto file, settings_.files->open(path));
  SYSTOLE_ASSIGN(const uint64_t bytes, file->size());
  if (bytes != part.bytes) return false;
  running_hash hash;
  std::string block(limits::read_chunk_bytes, '\0');
  for (uint64_t at = 0; at < bytes;) {
    SYSTOLE_ASSIGN(const size_t got, file->read(at, block.size(), block.data()));
    if (got == 0) return false;
    hash.add({block.data(), got});
    at += got;
  }
  return hash.value() == part.xxh3;
}

/// Gives the part its published name; its staged one goes later, when this one is durable. So a power cut that keeps any
/// subset of the changed names leaves the part at least one of them.
result<void> file_sink_committer::publish(const file_part& part) {
  file_system& files = *settings_.files;
  const std::string from = settings_.place.staging + "/" + part.staged, to = settings_.place.folder + "/" + part.published;
  SYSTOLE_ASSIGN(const bool staged, files.exists(from));
  const std::string& where = staged ? from : to;
  const auto file = files.open(where);
  if (!file) return fail(error_code::corrupt, "a part of a complete epoch is gone: " + to + " (" + file.error().message + ")");
  SYSTOLE_ASSIGN(const uint64_t bytes, (*file)->size());
  if (bytes != part.bytes)
    return fail(error_code::corrupt, fmt::format("a part of a complete epoch has {} bytes, not {}: {}", bytes, part.bytes, where));
  if (!staged) return {};  // published before a crash
  auto named = files.link(from, to);
  // File systems without hard links: both names change at once, as far as their journal promises it.
  if (!named && named.error().code != error_code::already_exists) named = files.rename_no_replace(from, to);
  if (named || named.error().code != error_code::already_exists) return named;
  SYSTOLE_ASSIGN(const bool ours, is_part(to, part));  // named before a crash
  if (!ours) return fail(error_code::already_exists, "a file that is not ours has a part's name; move it away: " + to);
  return {};
}

result<void> file_sink_committer::commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) {
  file_system& files = *settings_.files;
  std::vector<file_part> parts;
  for (const shard_commit& shard : shards) {
    SYSTOLE_ASSIGN(auto each, decode_parts(shard.committable));
    // A writer that had not heard of the last commit gives its parts once more.
    for (file_part& part : each)
      if (part.epoch > epoch.previous.value) parts.push_back(std::move(part));
  }
  if (!parts.empty()) {
    SYSTOLE_TRY(fence_.check());
    for (const file_part& part : parts) SYSTOLE_TRY(publish(part));
    SYSTOLE_TRY(files.sync_directory(settings_.place.folder));
    for (const file_part& part : parts) SYSTOLE_TRY(files.remove(settings_.place.staging + "/" + part.staged));
    SYSTOLE_TRY(files.sync_directory(settings_.place.staging));
    const std::string manifest = fmt::format("{}/{}{:08}.json", settings_.place.folder, manifest_prefix, epoch.epoch.value);
    SYSTOLE_TRY(fence_.replace(manifest, manifest_of(epoch, parts), settings_.place.staging));
  }
  // All shards have their copies of what they inherited.
  if (epoch.epoch > taken_over_at_)
    SYSTOLE_TRY(remove_left_behind(files, settings_.place.staging, "", settings_.owner.attempt));
  raise(settings_.committed, epoch.epoch.value);
  return {};
}

result<std::unique_ptr<sink_writer>> file_sink_factory::make_writer(uint32_t shard, uint32_t) {
  SYSTOLE_ASSIGN(auto packer, make_byte_packer(settings_.compression));
  return std::unique_ptr<sink_writer>(
      std::make_unique<file_sink_writer>(settings_, shard, make_encoder_(), std::move(packer)));
}

result<std::unique_ptr<sink_committer>> file_sink_factory::make_committer(uint32_t) {
  return std::unique_ptr<sink_committer>(std::make_unique<file_sink_committer>(settings_));
}

result<std::unique_ptr<sink_factory>> file_sink_factory::make(const proto::Node& node, const sink_input& input,
                                                              const connector_context& context) {
  const proto::Sink& sink = node.sink();
  if (sink.path().empty()) return fail(error_code::invalid_argument, "a file sink needs a path: " + node.step());
  const bool dead_letters = sink.kind() == proto::Sink::DEAD_LETTER_FILES;
  const std::string format = sink.format().empty() ? "json" : sink.format();
  encoder_maker maker;
  if (dead_letters) {
    SYSTOLE_TRY(check_dead_letter_columns(input.columns));
    maker = [] { return make_dead_letter_encoder(); };
  } else {
    SYSTOLE_ASSIGN(auto first, make_encoder(format, input.columns));
    first.reset();
    maker = [format, columns = input.columns] { return make_encoder(format, columns).value(); };
  }
  file_sink_settings settings;
  settings.place = place_of(sink.path(), node.step());
  settings.compression = sink.compression();
  settings.suffix = (!dead_letters && format == "csv" ? ".csv" : ".ndjson") + std::string(packing_suffix(sink.compression()));
  if (sink.roll_interval_us() > 0) settings.roll_interval_us = sink.roll_interval_us();
  if (sink.roll_bytes() > 0) settings.roll_bytes = static_cast<uint64_t>(sink.roll_bytes());
  settings.time = context.time;
  settings.files = context.files;
  settings.check_epochs = context.guards.epoch_check;
  settings.committed = std::make_shared<std::atomic<uint64_t>>(0);
  settings.owner = owner_of(context);
  if (!context.outbox_directory.empty()) settings.outbox_folder = outbox_folder_of(context.outbox_directory, node.step());
  SYSTOLE_ASSIGN(const auto packer, make_byte_packer(sink.compression()));
  (void)packer;
  return std::unique_ptr<sink_factory>(std::make_unique<file_sink_factory>(std::move(settings), std::move(maker)));
}

}  // namespace systole
