#include "connectors/outbox/outbox_writer.h"

namespace systole {

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

}  // namespace systole
