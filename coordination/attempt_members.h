#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordination/control_messages.h"

namespace systole {

/// The workers of one attempt, what is wanted of each and how far it is. Orders follow from the difference, so that a
/// lost order or report heals with the next report. Pure; one thread.
class attempt_members {
 public:
  struct member {
    incarnation_id incarnation;
    std::string name;
    std::string address;
    std::vector<uint32_t> tasks;
    uint32_t slots = 0;
    std::optional<attempt_report> seen;  ///< the last report on this attempt
    bool gone = false;                   ///< given up, or reports that it has none of it (any more)
  };

  attempt_members() = default;
  attempt_members(job_id job, attempt_stamp stamp, std::vector<member> members);

  /// What is wanted of all; `to`, `term` and `tasks` are filled in per worker.
  attempt_order& wanted() { return wanted_; }
  const attempt_order& wanted() const { return wanted_; }
  /// The order for each member that is not gone.
  std::vector<attempt_order> orders(term_id term) const;
  /// A report of a member on this attempt. Returns the order again where the report differs from what is wanted.
  std::optional<attempt_order> on_report(incarnation_id from, const attempt_report& report, term_id term);
  /// The worker has none of it. Where it should have begun: the order again. Where it had it already: `lost`.
  std::optional<attempt_order> on_absent(incarnation_id from, term_id term, bool& lost);
  /// True where it was a member.
  bool on_gone(incarnation_id worker);

  bool all(attempt_phase phase) const;
  bool all_gone() const;
  bool any_wants_epoch() const;
  bool any_pressed() const;
  bool all_paused() const;
  bool all_inputs_ended() const;
  bool any_stopping() const;
  /// The first failure that a member reports.
  const failure* first_failure() const;
  const std::vector<member>& list() const { return members_; }
  const member* find(incarnation_id worker) const;
  /// Which member has the task; null: none.
  const member* of_task(uint32_t task) const;
  attempt_stamp stamp() const { return wanted_.stamp; }

 private:
  attempt_order order_for(const member& to, term_id term) const;
  bool differs(const member& which) const;

  attempt_order wanted_;
  std::vector<member> members_;
};

}  // namespace systole
