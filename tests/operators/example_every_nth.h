#pragma once

#include <memory>
#include <string>

#include "operators/factory.h"

namespace systole::examples {

/// Makes a step that passes the first of every `n` rows of a key; the others are filtered. NULL is a key as any other.
/// Needs an append-only input: the retraction of a passed row could not be told from that of a filtered one.
///
/// State: "counts" key -> rows so far modulo n (uint64).
result<std::unique_ptr<stream_operator>> make_every_nth(const std::string& key_sql, uint64_t n, const operator_input& input,
                                                        const operator_context& context);

}  // namespace systole::examples
