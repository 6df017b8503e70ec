#pragma once

#include <memory>

#include "operators/aggregate/accumulator.h"

namespace systole {

/// min or max of TEXT on an append-only stream: the text is in a side table, read and written once per batch and group.
std::unique_ptr<accumulator> make_text_extreme(bool max);

/// min or max of any type on a changelog: a side table counts each value, ordered, so that the next one is at hand when the
/// extreme is retracted. A value's count may be negative for a while, when its retraction came first.
std::unique_ptr<accumulator> make_retractable_extreme(data_type type, bool max);

}  // namespace systole
