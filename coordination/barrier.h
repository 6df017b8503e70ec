#pragma once

#include "base/ids.h"

namespace systole {

/// Why an epoch is cut.
enum class barrier_kind : uint8_t {
  checkpoint,  ///< by the interval, or because an outbox is full
  stop,        ///< a savepoint after which the sources read no more; watermarks do not move
  final,       ///< all input has ended: sinks publish everything
};

/// Marks in every channel where epoch N ends. Travels in band, after the rows that belong to it.
struct barrier {
  epoch_id epoch;
  barrier_kind kind = barrier_kind::checkpoint;
  /// The last completed epoch: rows of epochs up to it are not part of this one, those of aborted epochs after it are.
  /// In band, for between processes no other message is sure to come before the barrier.
  epoch_id previous{};
  friend bool operator==(const barrier&, const barrier&) = default;
};

}  // namespace systole
