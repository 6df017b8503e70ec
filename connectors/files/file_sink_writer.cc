#include "connectors/files/file_sink_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/limits.h"
#include "connectors/outbox/durable_directory.h"
#include "connectors/outbox/file_origin.h"
#include "connectors/outbox/rewound_part.h"

namespace systole {
namespace {

constexpr size_t append_bytes_at_least = 512 * limits::kibibyte;
constexpr uint8_t writer_state_version = 1;

}  // namespace

file_sink_writer::file_sink_writer(file_sink_settings settings, uint32_t shard, std::unique_ptr<record_encoder> encoder,
                                   std::unique_ptr<byte_packer> packer)
    : settings_(std::move(settings)), shard_(shard), encoder_(std::move(encoder)), packer_(std::move(packer)) {}

uint64_t file_sink_writer::outbox_bytes() const {
  const uint64_t committed = settings_.committed->load(std::memory_order_relaxed);
  uint64_t sum = current_.bytes - sealed_bytes_ + packed_.size();
  for (const file_part& each : rolled_)
    if (each.epoch > committed) sum += each.bytes;
  return sum;
}

std::string file_sink_writer::staged_name() {
  return name_of({last_epoch_, settings_.owner.attempt}, fmt::format("{}-{}", shard_, sequence_++));
}

result<void> file_sink_writer::begin_file() {
  current_ = {};
  current_.staged = staged_name();
  begun_ = settings_.time->monotonic();
  hash_.reset();
  SYSTOLE_TRY(create_directories_durably(*settings_.files, settings_.place.staging));
  SYSTOLE_ASSIGN(file_, settings_.files->create(settings_.place.staging + "/" + current_.staged));
  encode_buffer header;
  encoder_->append_header(header);
  return packer_->pack(header.view(), packed_);
}

result<void> file_sink_writer::write(const batch& rows) {
  if (rows.empty()) return {};
  if (current_.staged.empty()) SYSTOLE_TRY(begin_file());
  if (settings_.compression.empty()) {
    encoder_->encode(rows, packed_);
  } else {
    encoded_.clear();
    encoder_->encode(rows, encoded_);
    SYSTOLE_TRY(packer_->pack(encoded_.view(), packed_));
  }
  current_.rows += rows.rows();
  return packed_.size() < append_bytes_at_least ? result<void>() : append_packed();
}

result<void> file_sink_writer::append_packed() {
  if (packed_.empty()) return {};
  SYSTOLE_TRY(file_->append(packed_.view()));
  hash_.add(packed_.view());
  current_.bytes += packed_.size();
  packed_.clear();
  dirty_ = true;
  return {};
}

std::string file_sink_writer::published_name(uint64_t epoch) {
  const auto same = std::count_if(rolled_.begin(), rolled_.end(), [epoch](const file_part& each) { return each.epoch == epoch; });
  std::string name = fmt::format("part-{:08}-{:04}", epoch, shard_);
  if (same > 0) name += fmt::format("-{}", same);
  return name + settings_.suffix;
}

result<sealed_epoch> file_sink_writer::seal(epoch_id epoch, bool is_last) {
  const uint64_t committed = settings_.committed->load();
  std::erase_if(rolled_, [committed](const file_part& each) { return each.epoch <= committed; });
  // What the old shards left unfinished is published with the first epoch after the restart.
  for (file_part& each : inherited_) {
    each.epoch = epoch.value;
    each.published = published_name(epoch.value);
    rolled_.push_back(std::move(each));
  }
  inherited_.clear();
  sealed_epoch sealed;
  if (!current_.staged.empty()) {
    SYSTOLE_TRY(packer_->end_frame(packed_));
    SYSTOLE_TRY(append_packed());
    current_.xxh3 = hash_.value();
    const auto age_us = std::chrono::duration_cast<std::chrono::microseconds>(settings_.time->monotonic() - begun_).count();
    const bool roll = is_last || current_.bytes >= settings_.roll_bytes || age_us >= settings_.roll_interval_us;
    if (roll) {
      current_.epoch = epoch.value;
      current_.published = published_name(epoch.value);
      rolled_.push_back(current_);
      syncs_.add_ended(std::move(file_));
      current_ = {};
    } else {
      if (dirty_) syncs_.add(file_);
      sealed.outbox.push_back({settings_.place.staging + "/" + current_.staged, current_.bytes, current_.xxh3});
    }
  }
  dirty_ = false;
  for (const file_part& each : rolled_)
    sealed.outbox.push_back({settings_.place.staging + "/" + each.staged, each.bytes, each.xxh3});
  sealed.committable = rolled_.empty() ? std::string() : encode_parts(rolled_);
  sealed_bytes_ = current_.bytes;
  last_epoch_ = epoch.value;
  snapshot_.clear();
  append_fixed(snapshot_, writer_state_version);
  append_varint(snapshot_, epoch.value);
  append_bytes(snapshot_, current_.staged.empty() ? std::string() : encode_parts({current_}));
  return sealed;
}

result<void> file_sink_writer::make_durable(epoch_id) {
  SYSTOLE_ASSIGN(const bool any, syncs_.sync_all());
  // The name must survive as well as the bytes: a part that a power cut unnames is lost.
  return any ? settings_.files->sync_directory(settings_.place.staging) : result<void>();
}

result<void> file_sink_writer::restore(std::string_view bytes) {
  if (bytes.empty()) return {};
  byte_reader in(bytes);
  if (in.fixed<uint8_t>() != writer_state_version)
    return fail(error_code::incompatible, "a file sink's state is of another version");
  last_epoch_ = std::max(last_epoch_, in.varint());
  const std::string_view unfinished = in.bytes();
  if (!in.ok()) return fail(error_code::corrupt, "a file sink's state cannot be read");
  SYSTOLE_ASSIGN(std::vector<file_part> parts, decode_parts(unfinished));
  if (parts.empty()) return {};
  SYSTOLE_TRY(create_directories_durably(*settings_.files, settings_.place.staging));
  for (file_part& part : parts) {
    SYSTOLE_ASSIGN(file_part own, inherit(std::move(part)));
    inherited_.push_back(std::move(own));
  }
  return settings_.files->sync_directory(settings_.place.staging);
}

result<file_part> file_sink_writer::inherit(file_part part) {
  file_system& files = *settings_.files;
  const std::string path = settings_.place.staging + "/" + part.staged;
  auto source = files.open(path);
  if (!source && source.error().code == error_code::not_found) source = find_rewound(files, settings_.place.folder, path, part);
  if (!source) return fail(source.error().code, "a staged file of the checkpoint cannot be opened: " + source.error().message);
  SYSTOLE_ASSIGN(const uint64_t there, (*source)->size());
  if (there < part.bytes) return fail(error_code::corrupt, "a staged file of the checkpoint is shorter than recorded: " + path);
  // Rows behind the checkpoint come again.
  if (!settings_.check_epochs) part.bytes = there;
  part.staged = staged_name();
  SYSTOLE_ASSIGN(const auto copy, files.create(settings_.place.staging + "/" + part.staged));
  running_hash hash;
  SYSTOLE_TRY(read_range(**source, 0, part.bytes, [&](std::string_view block) {
    hash.add(block);
    return copy->append(block);
  }));
  if (settings_.check_epochs && hash.value() != part.xxh3)
    return fail(error_code::corrupt, "a staged file of the checkpoint is damaged: " + path);
  part.xxh3 = hash.value();
  SYSTOLE_TRY(copy->sync());
  SYSTOLE_TRY(copy->close());
  return part;
}

}  // namespace systole
