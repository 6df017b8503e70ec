#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/ids.h"

namespace systole {

/// Whether this coordinator leads, and in which term. A lock (file or advisory) only says who should try; what makes it
/// safe is the checkpoint log: a term is claimed by creating the next record of the cluster's log, which one process
/// can do, and every job's log is claimed again before the first order for that job. A leader that hears of a higher
/// term steps down at once; one that does not hear of it cannot complete an epoch, since its next record is there
/// already. Pure; one thread.
class leadership {
 public:
  enum class role { follower, reading, claiming, leading };
  struct action {
    enum class kind {
      read,   ///< read the cluster's log, then on_read
      claim,  ///< append `led` with `term` right after what was read, then on_claimed or on_claim_lost
      lead,   ///< begin, with `term`
      /// Forget all jobs, send nothing any more; then look whether the lock is still ours, and if so on_elected(). (Not
      /// by itself: two that both believe in their lock would depose each other for ever.)
      step_down,
    };
    kind do_this = kind::read;
    term_id term;
    friend bool operator==(const action&, const action&) = default;
  };
  using actions = std::vector<action>;

  /// The lock is ours.
  actions on_elected();
  /// It is not, or not any more.
  actions on_lock_lost();
  /// The highest term in the log.
  actions on_read(term_id highest);
  actions on_claimed(term_id term);
  /// Somebody else created the record: read again, for the lock is still ours.
  actions on_claim_lost();
  /// A worker, another coordinator or a job's log knows a term. A job's log may hold a higher one that no coordinator
  /// has (it was run elsewhere): the next claim is above it.
  actions on_term_seen(term_id term);

  role current() const { return role_; }
  bool leads() const { return role_ == role::leading; }
  term_id term() const { return term_; }
  /// The highest that was seen anywhere.
  term_id highest() const { return highest_; }

 private:
  role role_ = role::follower;
  term_id term_;
  term_id highest_;
};

}  // namespace systole
