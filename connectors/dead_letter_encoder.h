#pragma once

#include <memory>

#include "base/result.h"
#include "data/type.h"
#include "formats/record_encoder.h"

namespace systole {

/// Writes dead letters as NDJSON: {"job":..,"step":..,"rule":..,"reason":..,"sqlstate":..,"event_time":..,"topic":..,
/// "partition":..,"offset":..,"raw":..}. `raw` is the record as it came; where it is no UTF-8, "raw" is null and
/// "raw_base64" has its bytes (RFC 4648 section 4). REQUIRES: batches have dead_letter_schema()'s columns.
std::unique_ptr<record_encoder> make_dead_letter_encoder();

/// `invalid_argument` where the columns are not dead_letter_schema()'s.
result<void> check_dead_letter_columns(const schema& columns);

}  // namespace systole
