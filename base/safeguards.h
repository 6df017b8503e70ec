#pragma once

#include <string_view>

#include "base/result.h"

namespace systole {

/// What keeps results exactly once. All are on; tests switch one off to show that its damage would be noticed.
struct safeguards {
  bool epoch_check = true;    ///< a sink asks whether it has an epoch already
  bool marker_read = true;    ///< a Kafka sink does, by its marker
  bool fencing = true;        ///< who takes over a sink shuts out those who had it before
  bool attempt_check = true;  ///< frames of other attempts are dropped; who commits asks whether it is still the job's
  bool alignment = true;      ///< a cut waits for the barriers of all inputs
};

/// "fencing,alignment": all but these.
result<safeguards> safeguards_without(std::string_view names);

}  // namespace systole
