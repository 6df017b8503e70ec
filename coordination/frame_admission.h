#pragma once

#include <cstdint>
#include <vector>

#include "coordination/control_messages.h"

namespace systole {

/// What a frame between processes says of itself, beside its type, length and checksum.
struct frame_header {
  job_id job;
  attempt_stamp stamp;
  uint32_t channel = 0;
  uint64_t sequence = 0;  ///< from 1, without gaps
};

/// Whether a frame may enter a task: one per attempt and worker. Credit is given for what is accepted; bytes of the
/// node pair are given back whatever the verdict. Pure; one thread.
class frame_admission {
 public:
  enum class verdict {
    accept,
    stale,      ///< of another attempt or job: dropped
    duplicate,  ///< was accepted before: dropped
    gap,        ///< something was lost: the attempt fails and recovers from its checkpoint
    unknown,    ///< no such channel: the attempt fails
  };

  /// `channels`: of the whole job, those of other workers included.
  /// `checks` false: frames of other attempts go through; only to show that tests notice.
  frame_admission(job_id job, attempt_stamp stamp, size_t channels, bool checks = true)
      : job_(job), stamp_(stamp), checks_(checks), last_(channels, 0) {}

  verdict on_frame(const frame_header& frame) {
    const bool other = frame.job != job_ || frame.stamp != stamp_;
    if (other && checks_) return verdict::stale;
    if (frame.channel >= last_.size()) return verdict::unknown;
    if (other) return verdict::accept;
    uint64_t& last = last_[frame.channel];
    if (frame.sequence <= last) return verdict::duplicate;
    if (frame.sequence != last + 1) return verdict::gap;
    last = frame.sequence;
    return verdict::accept;
  }

 private:
  job_id job_;
  attempt_stamp stamp_;
  bool checks_;
  std::vector<uint64_t> last_;  ///< accepted, by channel
};

}  // namespace systole
