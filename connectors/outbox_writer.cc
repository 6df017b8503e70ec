#include "connectors/outbox_writer.h"

#include "base/bytes.h"

namespace systole {
namespace {
constexpr uint8_t snapshot_version = 1;
}

result<void> outbox_writer::write(const batch& rows) {
  if (net_) {
    changes_.add(rows);
    return {};
  }
  // Only what the committer needs is kept: the visible columns.
  return outbox_.append(batch(rows.rows(), rows.columns()));
}

result<sealed_epoch> outbox_writer::seal(epoch_id epoch, bool) {
  if (net_) {
    SYSTOLE_ASSIGN(const std::vector<batch> netted, changes_.take());
    for (const batch& each : netted) SYSTOLE_TRY(outbox_.append(each));
  }
  return outbox_.seal(epoch);
}

std::string outbox_writer::snapshot() {
  std::string out;
  append_fixed(out, snapshot_version);
  append_varint(out, outbox_.last_epoch());
  return out;
}

result<void> outbox_writer::restore(std::string_view bytes) {
  if (bytes.empty()) return {};
  byte_reader in(bytes);
  const auto version = in.fixed<uint8_t>();
  const uint64_t epoch = in.varint();
  if (version != snapshot_version || !in.ok()) return fail(error_code::incompatible, "a sink's state is of another version");
  outbox_.set_last_epoch(epoch);
  return {};
}

}  // namespace systole
